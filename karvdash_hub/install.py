"""Wire karvdash_hub into a JupyterHub, from one line of ``jupyterhub_config.py``:

    import karvdash_hub.install
    c.Platform.public_url = "https://example.com"
    karvdash_hub.install.install(c)

Call it after ``c.Platform.public_url`` is set. What it sets may be set otherwise afterwards, except where
a comment says that something relies on it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, event

from karvdash_hub import names
from karvdash_hub.scopes import SCOPES
from karvdash_hub.settings import Platform
from karvdash_hub.share import share_dir
from karvdash_hub.spawner.notices import selftest_notice
from karvdash_hub.store import prepare_sqlite

#: What a user's browser session and own tokens may do beyond JupyterHub's "self".
USER_SCOPES = {
    "custom:karvdash:templates",
    "custom:karvdash:templates:write",
    "custom:karvdash:exec",
    # Whom a service is shared with has to be found by name.
    "shares!user",
    "read:users:name",
    "read:groups:name",
}
#: What the token inside a stock notebook may do: launch, read and delete the owner's services.
SERVER_SCOPES = [
    "users:activity!user",
    "access:servers!server",
    "servers!user",
    "delete:servers!user",
    "read:users:name!user",
    "custom:karvdash:templates",
]
GATE_SERVICE = "karvdash-gate"


def install(c: Any, *, gate_token: str = "") -> None:
    """Set what karvdash_hub needs on a traitlets config.

    Args:
        gate_token: API token of the gate; empty registers no gate.
    """
    _databases()
    _sign_in(c)
    _servers(c)
    _addresses(c)
    _pages(c)
    _rights(c, gate_token)


def _databases() -> None:
    # JupyterHub commits several times a launch, on the event loop; with SQLite's defaults each one waits for
    # the disk, and a hundred launches of one user hold up everybody. Its engine is made after this.
    if not event.contains(Engine, "connect", prepare_sqlite):
        event.listen(Engine, "connect", prepare_sqlite)


def _sign_in(c: Any) -> None:
    if "authenticator_class" not in c.JupyterHub:
        c.JupyterHub.authenticator_class = "karvdash_hub.authenticator.KarvdashAuthenticator"
    # One list of routes, registered first: Authenticator.get_handlers, not extra_handlers.


def _servers(c: Any) -> None:
    c.JupyterHub.spawner_class = "karvdash_hub.spawner.spawner.KarvdashSpawner"
    c.JupyterHub.allow_named_servers = True
    # Our own queue is fair between users; JupyterHub's limit answers 429 to whoever comes last.
    c.JupyterHub.concurrent_spawn_limit = 0
    # Requests return at once; progress is told by events. This is no trait (handlers/base.py, 6.1.1).
    settings = c.JupyterHub.get("tornado_settings") or {}
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0, **settings}
    # Relied upon: True would stop every service whenever the Hub is restarted.
    c.JupyterHub.cleanup_servers = False
    # One user's broken templates must not end the Hub.
    c.Spawner.consecutive_failure_limit = 0
    c.Spawner.server_token_scopes = server_scopes


def server_scopes(spawner: Any) -> list[str]:
    """Say what the token that JupyterHub makes for a server may do.

    The launch of a service template is ahead of JupyterHub (``spawner/ahead.py``), and its pods never see
    that token: it gets the one scope that JupyterHub insists on, the same for all servers of a user.
    The others name the server, and for every such set JupyterHub's caches (``jupyterhub/scopes.py``, 6.1.1)
    keep 38 KiB, which is half the memory that a service would cost.
    """
    return SERVER_SCOPES[:1] if spawner.ahead is not None else SERVER_SCOPES


def _addresses(c: Any) -> None:
    # Relied upon: notebooks live at <user>.<domain>, away from each other and from the Hub's pages.
    c.JupyterHub.subdomain_host = c.Platform.get("public_url", Platform.public_url.default_value)
    c.JupyterHub.subdomain_hook = subdomain
    if c.JupyterHub.subdomain_host.startswith("https://"):
        # Scripts on a sibling host could otherwise set the Hub's cookies for the whole domain
        # (CVE-2024-28233). Browsers take such cookies with https only.
        c.JupyterHub.cookie_host_prefix_enabled = True


def subdomain(name: str, domain: str, kind: str) -> str:
    """Name the host of a user's notebooks or of a JupyterHub service. ``domain`` has no port."""
    label = names.user_host_label(names.user_slug(name)) if kind == "user" else f"u--{name}"
    return f"{label}.{domain}"


def _pages(c: Any) -> None:
    # Signing in leads to the home page; JupyterHub would start the notebook.
    c.JupyterHub.redirect_to_server = False
    title = c.Platform.get("page_title", Platform.page_title.default_value)
    # JupyterHub calls a function once for every page, with the user; the admin page calls what it returns.
    ours = {"page_title": title, "karvdash_selftest": lambda _user: selftest_notice}
    c.JupyterHub.template_vars = {**ours, **(c.JupyterHub.get("template_vars") or {})}
    c.JupyterHub.template_paths = [
        *(c.JupyterHub.get("template_paths") or []),
        str(share_dir("templates", "pages")),
    ]


def _rights(c: Any, gate_token: str) -> None:
    # Relied upon: handlers check these scopes when they are imported, so it has to be the same object.
    c.JupyterHub.custom_scopes = SCOPES
    c.JupyterHub.extra_user_scopes = set(c.JupyterHub.get("extra_user_scopes") or ()) | USER_SCOPES
    if gate_token:
        _append(c, "services", {"name": GATE_SERVICE, "api_token": gate_token})
        role = {"name": GATE_SERVICE, "services": [GATE_SERVICE], "scopes": ["custom:karvdash:gate"]}
        _append(c, "load_roles", role)


def _append(c: Any, trait: str, item: dict[str, Any]) -> None:
    c.JupyterHub[trait] = [*(c.JupyterHub.get(trait) or []), item]
