"""Who may open a host: whoever the Hub says has ``access:servers!server=<owner>/<server>``.

That is the owner, those it was shared with, and admins whose role says so. Hosts are looked up in our
table, never parsed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from jupyterhub.scopes import get_scopes_for, has_scope, parse_scopes

from karvdash_hub.paths import safe_path
from karvdash_hub.settings import Platform
from karvdash_hub.store import Host, Store

#: Seconds within which a ticket has to be redeemed.
TICKET_LIFETIME = 60.0
#: Seconds for which the gate's cookie is valid; the gate asks about open sessions every 30 s besides.
SESSION_LIFETIME = 12 * 3600.0


def service_at(store: Store, host: str) -> Host | None:
    """Find the service whose host this is; a port is left out."""
    return _find(store, host, "service")


def notebooks_at(store: Store, host: str) -> Host | None:
    """Find the user whose stock notebooks live at this host; a port is left out."""
    return _find(store, host, "user")


def _find(store: Store, host: str, kind: str) -> Host | None:
    found = store.host(host.strip().lower().partition(":")[0])
    return found if found is not None and found.kind == kind else None


def scope_of(host: Host) -> str:
    """Name the scope that opens this host."""
    return f"access:servers!server={host.username}/{host.server}"


def scopes_of(owner: Any) -> Mapping[str, Any]:
    """Return the scopes of a user or a token of JupyterHub's database, as ``opens`` takes them."""
    scopes: Mapping[str, Any] = parse_scopes(get_scopes_for(owner))
    return scopes


def opens(scopes: Mapping[str, Any], host: Host, db: Any) -> bool:
    """Tell whether these scopes open this host."""
    return bool(has_scope(scope_of(host), scopes, db=db))


def session_of(user: Any) -> str:
    """Name what a user's sign-ins have in common until the user signs out, without giving it away."""
    return digest(f"session:{user.cookie_id}")[:32]


def make_ticket(store: Store, host: Host, username: str, now: float) -> str:
    """Make a one-time ticket (256 bits) for one person and one host; only its digest is kept."""
    ticket = secrets.token_urlsafe(32)
    store.purge_tickets(now)
    store.add_ticket(digest(ticket), host.host, username, now + TICKET_LIFETIME)
    return ticket


def digest(ticket: str) -> str:
    """Return what the database keeps of a ticket."""
    return hashlib.sha256(ticket.encode()).hexdigest()


def callback_url(platform: Platform, host: Host, ticket: str, next_path: str) -> str:
    """Return the address at which the gate redeems a ticket."""
    query = urlencode({"ticket": ticket, "next": safe_path(next_path)}, quote_via=quote)
    return f"{platform.url_of(host.host)}.karvdash/callback?{query}"
