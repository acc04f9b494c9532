"""What ID tokens and the userinfo endpoint say about a person. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from karvdash_hub.oidc.model import Person

#: Claims that may be there, for the discovery document.
CLAIMS = (
    *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash"),
    *("name", "preferred_username", "karvdash_namespace", "email", "email_verified", "groups"),
)


def claims_of(person: Person, scopes: Iterable[str]) -> dict[str, Any]:
    """Say about a person what the scopes ask for, OpenID Connect Core 5.1 and 5.4.

    ``email_verified`` is always false: nobody has written to the address, so that no application may take
    two accounts for one because of it.
    """
    asked = set(scopes)
    claims: dict[str, Any] = {"sub": person.subject}
    if "profile" in asked:
        claims |= {"name": person.username, "preferred_username": person.username}
        claims |= {"karvdash_namespace": person.namespace} if person.namespace else {}
    if "email" in asked and person.email:
        claims |= {"email": person.email, "email_verified": False}
    if "groups" in asked:
        claims["groups"] = list(person.groups)
    return claims
