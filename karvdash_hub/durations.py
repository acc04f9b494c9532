"""Lengths of time as people write them, ``90m``, ``8h``, ``1d12h`` or ``never``; moments as programs do."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

_UNITS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_FORM = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)


def read_duration(text: str) -> float:
    """Return seconds; infinity for ``never``.

    Raises: ValueError with the end of a sentence.
    """
    words = text.strip().lower()
    if words == "never":
        return math.inf
    found = _FORM.fullmatch(words)
    seconds = (
        sum(int(n or 0) * size for n, size in zip(found.groups(), _UNITS.values(), strict=True))
        if found
        else 0
    )
    if not seconds:
        raise ValueError("is a length of time as in 8h, 90m or 1d12h, or never")
    return float(seconds)


def spell_duration(seconds: float) -> str:
    """Say a length of time in its two largest units: ``1 d 12 h``, ``8 h``, ``25 min``."""
    left = max(0, int(seconds))
    words: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if left >= size and len(words) < 2:
            words.append(f"{left // size} {unit}")
        left %= size
    return " ".join(words) or "less than a minute"


def spell_moment(moment: float) -> str:
    """Write Unix seconds as ISO 8601 in UTC: ``2026-11-21T12:30:00Z``, as Kubernetes does."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
