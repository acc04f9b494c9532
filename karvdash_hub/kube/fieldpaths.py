"""Field paths as server-side apply writes them, found in the manifest that was applied.

    .spec.template.spec.containers[name="web"].env[name="MODE"].value
    spec.template.spec.containers[0].env[0].value

Server-side apply reports one misfit at a time and names list items by their keys. People count, and want
all misfits at once.

ref: https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/fieldpath/element.go
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_ITEM = re.compile(r'\[(?:(?P<index>\d+)|=(?P<value>"[^"]*"|[^\]]*)|(?P<keys>(?:"[^"]*"|[^\]"])+))\]')
_KEY = re.compile(r'([^=,]+)=("[^"]*"|[^,]*)')

Place = tuple[str | int, ...]


def locate(manifest: Mapping[str, Any], path: str) -> Place | None:
    """Return keys and indexes that lead to the field, None if the manifest has no such field."""
    here: Any = manifest
    place: list[str | int] = []
    while path:
        step: str | int | None
        if path.startswith("."):
            step = _key(here, path[1:])
            path = path[1 + len(step) :] if step is not None else path
        else:
            found = _ITEM.match(path)
            step = _index(here, found) if found else None
            path = path[found.end() :] if found else path
        if step is None:
            return None
        place.append(step)
        here = here[step]
    return tuple(place)


def without(manifest: Mapping[str, Any], places: Iterable[Place]) -> dict[str, Any]:
    """Return a copy without these fields; what did not change is shared with the original."""
    copy: Any = manifest
    # The last first, so that removing an item moves no other place; what is inside another goes with it.
    ordered = sorted(set(places), key=_sortable)
    for place in reversed([p for p in ordered if not any(p != q and p[: len(q)] == q for q in ordered)]):
        copy = _without(copy, place)
    return dict(copy)


def _sortable(place: Place) -> tuple[tuple[int, str], ...]:
    return tuple((step, "") if isinstance(step, int) else (-1, step) for step in place)


def _without(value: Any, place: Place) -> Any:
    step, *rest = place
    copy: Any = list(value) if isinstance(value, list) else dict(value)
    if rest:
        copy[step] = _without(copy[step], tuple(rest))
    else:
        del copy[step]
    return copy


def _key(here: Any, path: str) -> str | None:
    """Find the key that the path begins with: the longest that fits, since keys of labels hold dots."""
    if not isinstance(here, Mapping):
        return None
    fits = [key for key in here if path == key or path.startswith((f"{key}.", f"{key}["))]
    return max(fits, key=len, default=None)


def _index(here: Any, item: re.Match[str]) -> int | None:
    if not isinstance(here, Sequence) or isinstance(here, str):
        return None
    if item["index"] is not None:
        return int(item["index"]) if int(item["index"]) < len(here) else None
    if item["value"] is not None:
        wanted = _literal(item["value"])
        return next((i for i, found in enumerate(here) if found == wanted), None)
    keys = {key.strip(): _literal(value) for key, value in _KEY.findall(item["keys"])}
    fits = [i for i, found in enumerate(here) if _has_keys(found, keys)]
    # A key may be a default that the manifest leaves out (protocol="TCP"): the item that has most is meant.
    return max(fits, key=lambda i: len(keys.keys() & here[i].keys()), default=None)


def _has_keys(item: Any, keys: Mapping[str, Any]) -> bool:
    return isinstance(item, Mapping) and all(item.get(key, value) == value for key, value in keys.items())


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
