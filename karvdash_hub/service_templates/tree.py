"""Plain trees of dicts, lists and scalars, and the paths into them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

#: A Kubernetes object as the API takes it.
Manifest = dict[str, Any]
Path = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_SHOWN = 60


def show_path(path: Sequence[str | int]) -> str:
    """Write a path as Kubernetes does: ``spec.rules[0].host``, ``metadata.labels[a.io/b]``."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        elif _BARE_KEY.fullmatch(part):
            shown += f".{shorten(part)}" if shown else shorten(part)
        else:
            shown += f"[{shorten(part)}]"
    return shown


def shorten(text: str, width: int = _SHOWN) -> str:
    """Cut user text for a message, and show control characters as escapes."""
    cut = text if len(text) <= width else f"{text[:width]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def dig(tree: Any, *path: str | int) -> Any:
    """Return what is at a path, or None where the tree has no such branch."""
    for part in path:
        if isinstance(tree, dict) and isinstance(part, str):
            tree = tree.get(part)
        elif isinstance(tree, list) and isinstance(part, int) and -len(tree) <= part < len(tree):
            tree = tree[part]
        else:
            return None
    return tree


def mapping(tree: Any, *path: str) -> dict[str, Any]:
    """Return the mapping at a path, or an empty one that belongs to nobody."""
    found = dig(tree, *path)
    return found if isinstance(found, dict) else {}


def items(tree: Any, *path: str) -> list[Any]:
    """Return the list at a path, or an empty one."""
    found = dig(tree, *path)
    return found if isinstance(found, list) else []


def ensure(tree: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return the mapping at a path, putting empty ones where there is nothing or something else."""
    for part in path:
        if not isinstance(tree.get(part), dict):
            tree[part] = {}
        tree = tree[part]
    return tree
