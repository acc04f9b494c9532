"""Read a list that the API server sent, one item at a time.

``json.loads`` of a page of pods holds the event loop up for 10 ms a megabyte and makes five megabytes of
objects of it. Item by item, only one exists at once and others get their turn in between.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_DECODE = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\r\n]*")


def walk_list(text: str) -> Iterator[tuple[str, Any]]:
    """Yield ``("items", item)`` for each item of a list, and every other field once by its name.

    Raises: ValueError if the text is not a JSON object.
    """
    at = _expect(text, 0, "{")
    while not text.startswith("}", at):
        key, at = _DECODE(text, at)
        at = _expect(text, at, ":")
        if key == "items" and text.startswith("[", at):
            at = _expect(text, at, "[")
            while not text.startswith("]", at):
                item, at = _DECODE(text, at)
                yield key, item
                at = _next(text, at, "]")
            at = _expect(text, at, "]")
        else:
            value, at = _DECODE(text, at)
            yield key, value
            at = _skip(text, at)
        at = _next(text, at, "}")


def _next(text: str, at: int, end: str) -> int:
    """Go past a comma, or stay at the end of what it separates."""
    at = _skip(text, at)
    return at if text.startswith(end, at) else _expect(text, at, ",")


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if not text.startswith(mark, at):
        raise ValueError(f"expected {mark} at character {at} of the list")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
