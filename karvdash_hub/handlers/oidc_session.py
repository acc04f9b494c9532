"""What the provider knows of a browser: when the person signed in, and which request it comes back for.

JupyterHub's cookie does not say when somebody signed in: it is not renewed for the same person. So a second
cookie does, signed with the same secret, set wherever an authenticator has checked somebody.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

#: Seconds within which a person who was sent to one of our pages has to come back from it.
LONGEST_VISIT = 1800.0
_COOKIE, _TICKET = "karvdash-auth-time", "karvdash-oidc-visit"


def note_sign_in(handler: Any, username: str, now: float) -> None:
    """Remember in this browser that the person has just proved who it is."""
    handler._set_cookie(
        _cookie(handler),
        json.dumps([username, now]),
        encrypted=True,
        path=handler.hub.base_url,
        expires_days=handler.cookie_max_age_days,
    )


def auth_time(handler: Any, username: str) -> float | None:
    """Return when this person signed in with this browser, None if that is not known."""
    value = handler.get_secure_cookie(_cookie(handler), max_age_days=handler.cookie_max_age_days)
    if value is None:
        return None
    name, when = json.loads(value)
    return float(when) if name == username else None


def forget_sign_in(handler: Any) -> None:
    """Forget it."""
    handler.clear_cookie(_cookie(handler), path=handler.hub.base_url)


def _cookie(handler: Any) -> str:
    prefix = "__Host-"
    return f"{prefix}{_COOKIE}" if handler.hub.cookie_name.startswith(prefix) else _COOKIE


class Visit(NamedTuple):
    """A request that went to one of our pages: when it came first, and whom the client expects.

    ``hinted`` is the ``sub`` of its id_token_hint, "" for a hint that is not a token of ours. It is here so
    that the token itself does not have to go along: addresses end up in logs.
    """

    since: float
    hinted: str | None


def make_ticket(handler: Any, query: str, visit: Visit) -> str:
    """Sign it for its way over our pages and back."""
    text: bytes = handler.create_signed_value(_TICKET, json.dumps([_digest(query), *visit]))
    return text.decode()


def read_ticket(handler: Any, query: str, ticket: str) -> Visit | None:
    """Return it, None if the ticket is that of another request or too old."""
    value = handler.get_secure_cookie(_TICKET, ticket, max_age_days=LONGEST_VISIT / 86400) if ticket else None
    if value is None:
        return None
    digest, since, hinted = json.loads(value)
    return Visit(since, hinted) if digest == _digest(query) else None


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode(errors="surrogatepass")).hexdigest()
