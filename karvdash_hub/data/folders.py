"""Names of folders below the root of all files.

    private/              0711: nobody sees which folders are in it
    private/<slug>/       a user's own
    private/.deleted-<32 hex digits>-<slug>/    of a user who was removed, until an administrator removes it
    shared/               everybody's

Slugs hold no dot, so no user's folder looks like one that was set aside.
"""

from __future__ import annotations

import re
from typing import Final, Literal

Domain = Literal["private", "shared"]
DOMAINS: Final[tuple[Domain, ...]] = ("private", "shared")

PRIVATE: Final = "private"
SHARED: Final = "shared"

_SLUG = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_REMOVED = re.compile(rf"\.deleted-([0-9a-f]{{32}})-({_SLUG.pattern})")


def is_slug(text: str) -> bool:
    """Tell whether a text can be the name of a user's folder: a DNS label, so no slash and no dot."""
    return _SLUG.fullmatch(text) is not None


def folder(domain: Domain, slug: str) -> str:
    """Return the path of a user's folder of a data domain, relative to the root.

    Raises: ValueError if ``slug`` is none.
    """
    if not is_slug(slug):
        raise ValueError(f"{slug!r} cannot be the name of a folder")
    return f"{PRIVATE}/{slug}" if domain == "private" else SHARED


def removed_name(slug: str, unique: str) -> str:
    """Name the folder of a removed user. ``unique`` is 32 hex digits."""
    return f".deleted-{unique}-{slug}"


def slug_of_removed(name: str) -> str | None:
    """Return whose folder one was that is set aside; None if the name is not of that form."""
    found = _REMOVED.fullmatch(name)
    return found[2] if found else None
