"""What the provider knows of a browser: when the person signed in, and which request it comes back for.

JupyterHub's cookie does not say when somebody signed in: it is not renewed for the same person. So a second
cookie does, signed with the same secret, set wherever an authenticator has checked somebody.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

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
    prefixed = _cookie(handler) != _COOKIE
    handler.clear_cookie(_cookie(handler), path="/" if prefixed else handler.hub.base_url)


def _cookie(handler: Any) -> str:
    prefix = "__Host-"
    return f"{prefix}{_COOKIE}" if handler.hub.cookie_name.startswith(prefix) else _COOKIE


def make_ticket(handler: Any, query: str, now: float) -> str:
    """Sign when a request came first, for its way over our pages and back."""
    text: bytes = handler.create_signed_value(_TICKET, json.dumps([_digest(query), now]))
    return text.decode()


def read_ticket(handler: Any, query: str, ticket: str) -> float | None:
    """Return when this very request came first, None if the ticket is another one's or too old."""
    value = handler.get_secure_cookie(_TICKET, ticket, max_age_days=LONGEST_VISIT / 86400) if ticket else None
    if value is None:
        return None
    digest, when = json.loads(value)
    return float(when) if digest == _digest(query) else None


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode(errors="surrogatepass")).hexdigest()
