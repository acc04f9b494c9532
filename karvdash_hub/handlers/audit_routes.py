"""Which requests go into the audit log, and how they are called there. A pure table.

One table for our pages, our API and JupyterHub's own API, so that a service that is stopped on JupyterHub's
admin page is in the log like one that is stopped on ours. Changes of accounts by our own doors are not here:
``accounts/management.py`` writes them, for the command line too.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple
from urllib.parse import unquote


class Deed(NamedTuple):
    """What a request wants: ``subject`` is "" for the asker's own things."""

    action: str
    subject: str
    object: str
    via: str


_NAME = r"(?P<object>[^/]+)"
_OWNER = r"(?P<subject>[^/]+)"
_USER = r"users/(?P<subject>[^/]+)"
#: Method, path below the Hub's prefix (and below as/<user>/), action.
_RULES: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (method, re.compile(path), action)
    for method, path, action in (
        ("POST", rf"launch/{_NAME}", "service.launch"),
        ("POST", rf"service/{_NAME}/(?P<verb>start|stop|change|delete|share|unshare|keep)", "service."),
        ("POST", rf"service/{_NAME}/passwords", "service.show-passwords"),
        ("POST", rf"notebook(?:/{_NAME})?/(?P<verb>start|stop)", "notebook."),
        ("POST", r"templates", "template.add"),
        ("POST", rf"templates/{_NAME}/delete", "template.delete"),
        ("POST", r"api/karvdash/services", "service.launch"),
        ("POST", rf"api/karvdash/services/{_NAME}/(?P<verb>start|stop)", "service."),
        ("POST", rf"api/karvdash/services/{_NAME}", "service.exec"),
        ("PATCH", rf"api/karvdash/services/{_NAME}", "service.change"),
        ("DELETE", rf"api/karvdash/services/{_NAME}", "service.delete"),
        ("POST", r"api/karvdash/templates", "template.add"),
        ("DELETE", rf"api/karvdash/templates/{_NAME}", "template.delete"),
        ("POST", rf"api/{_USER}/servers?(?:/(?P<object>[^/]*))?", "service.start"),
        ("DELETE", rf"api/{_USER}/servers?(?:/(?P<object>[^/]*))?", "service.stop"),
        ("POST", rf"api/{_USER}/tokens", "token.add"),
        ("DELETE", rf"api/{_USER}/tokens/{_NAME}", "token.delete"),
        ("POST", rf"api/{_USER}", "account.add"),
        ("PATCH", rf"api/{_USER}", "account.change"),
        ("DELETE", rf"api/{_USER}", "account.delete"),
        ("POST", rf"api/shares/{_OWNER}/{_NAME}", "service.share"),
        ("PATCH", rf"api/shares/{_OWNER}/{_NAME}", "service.unshare"),
        ("DELETE", rf"api/shares/{_OWNER}/{_NAME}", "service.unshare"),
        ("DELETE", rf"api/(?P<kind>user|group)s/(?P<who>[^/]+)/shared/{_OWNER}/{_NAME}", "service.unshare"),
        ("POST", rf"api/share-codes/{_OWNER}/{_NAME}", "service.share-code"),
        ("DELETE", rf"api/share-codes/{_OWNER}/{_NAME}", "service.unshare-code"),
        ("POST", r"accept-share", "service.accept-share"),
        ("GET", r"logout", "sign-out"),
    )
)


def deed(method: str, path: str) -> Deed | None:
    """Name what a request does, None if it is not for the log.

    Args:
        path: below the Hub's prefix, still encoded: ``as/bob/service/redis/stop``.
    """
    path, acted_for = path.strip("/"), ""
    if path.startswith("as/"):
        _, acted_for, path = ("", *path.removeprefix("as/").partition("/")[::2])
    for wanted, pattern, action in _RULES:
        if wanted == method and (found := pattern.fullmatch(path)):
            parts = {key: unquote(value or "") for key, value in found.groupdict().items()}
            subject = parts.get("subject") or unquote(acted_for)
            via = "api" if path.startswith("api/") else "page"
            what = with_whom(parts.get("object", ""), parts.get("kind", ""), parts.get("who", ""))
            return Deed(action + parts.get("verb", ""), subject, what, via)
    return None


def with_whom(server: str, kind: str, who: str) -> str:
    """Call the object of a share: ``web with bob``, ``web with group team``."""
    return f"{server} with {'group ' if kind == 'group' else ''}{who}" if who else server


def shared(found: Deed, body: bytes) -> str:
    """Call the object of a request: those to JupyterHub's API of shares say in the body with whom."""
    if found.action not in ("service.share", "service.unshare") or found.via != "api":
        return found.object
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return found.object
    for kind in ("user", "group") if isinstance(given, dict) else ():
        if isinstance(who := given.get(kind), str):
            return with_whom(found.object, kind, who)
    return found.object


def outcome(status: int) -> str:
    """Say what became of a request with this HTTP status."""
    if status < 400:
        return "done"
    return "refused" if status < 500 else "failed"
