"""How a service looks on a page: words, initials, and the one button that is right. Pure functions.

Pages and the event stream send the same ``card``, so that what JavaScript fills in later is what Jinja
wrote first.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from karvdash_hub.spawner.views import ServiceView

LABELS = {
    "starting": "Starting",
    "running": "Running",
    "failing": "Failing",
    "stopping": "Stopping",
    "stopped": "Stopped",
}
#: Colours of the tiles with initials, in share/static/karvdash.css.
HUES = 8

Link = Callable[..., str]


def card(view: ServiceView, link: Link) -> dict[str, Any]:
    """Describe a service for home page, service page and event stream.

    Args:
        link: makes addresses of the Hub's pages: ``link("service", "redis")``.
    """
    title = (view.display_name or view.name) if view.name else "JupyterLab"
    kind = "Notebook server" if view.stock else _template_name(view)
    return {
        "name": view.name,
        "title": title,
        "kind": kind,
        "initials": initials("JupyterLab" if view.stock else kind),
        "hue": hue("JupyterLab" if view.stock else kind),
        "state": view.state,
        "label": LABELS[view.state],
        "message": message_of(view),
        "percent": view.percent,
        "url": view.url or "",
        "since": view.started or "",
        "page": page_of(view, link),
        "main": main_action(view),
        "can": allowed_actions(view),
        "stock": view.stock,
        "pods": [{"name": pod["name"], "containers": list(pod["containers"])} for pod in view.pods],
    }


def message_of(view: ServiceView) -> str:
    """Say what there is to say beside the state; that it is about to be stopped comes first."""
    if view.idle_warning and view.state == "running":
        return view.idle_warning
    # "Stopped. Stopped." helps nobody.
    return "" if view.message == f"{LABELS[view.state]}." else view.message


def main_action(view: ServiceView) -> str:
    """Choose the one button a person most likely wants.

    Returns: "open", "connect", "why", "progress", "start" or "" (nothing can be done now).
    """
    if view.state == "running":
        return "open" if view.url else ("" if view.stock else "connect")
    if view.state == "stopped":
        return "start" if view.actions else ""
    return {"failing": "why", "starting": "progress"}.get(view.state, "")


def allowed_actions(view: ServiceView) -> dict[str, bool]:
    """Tell which of start, stop and delete make sense now."""
    return {
        "start": view.actions and view.state == "stopped",
        "stop": view.actions and view.state in ("starting", "running", "failing"),
        "delete": view.actions and not view.stock,
        "keep": view.actions and bool(view.idle_warning),
    }


def page_of(view: ServiceView, link: Link) -> str:
    """Return the address of the page about one service; a stock notebook's is JupyterHub's own."""
    if not view.stock:
        return link("service", view.name)
    return link("spawn-pending", view.user, view.name) if view.name else link("spawn-pending", view.user)


def initials(name: str) -> str:
    """Two letters for a tile: "Hello Kubernetes" is HK, "Redis" is Re."""
    words = [word for word in name.replace("-", " ").split() if word[0].isalnum()]
    if not words:
        return "?"
    return words[0][0].upper() + (words[1][0].upper() if len(words) > 1 else words[0][1:2].lower())


def hue(key: str) -> int:
    """One of HUES colours, the same for the same key everywhere and for ever."""
    return zlib.crc32(key.encode()) % HUES


def age(since: str, now: datetime) -> str:
    """Say how long ago: "just now", "5 min ago", "3 h ago", "12 days ago". ``since`` is ISO 8601 or ""."""
    if not since:
        return ""
    seconds = (now - datetime.fromisoformat(since)).total_seconds()
    if seconds < 60:
        return "just now"
    for size, limit, unit in ((60, 3600, "min"), (3600, 172800, "h")):
        if seconds < limit:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds // 86400)} days ago"


def free_name(wanted: str, taken: Iterable[str], longest: int) -> str:
    """Suggest a name that is not taken: redis, redis-2, redis-3."""
    used, name, number = set(taken), wanted[:longest], 1
    while name in used:
        number += 1
        ending = f"-{number}"
        name = wanted[: longest - len(ending)].rstrip("-") + ending
    return name


def _template_name(view: ServiceView) -> str:
    return str(view.template["name"]) if view.template else view.template_id
