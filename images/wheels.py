"""Python environments inside images, made of wheels by this machine's pip."""

from __future__ import annotations

import re
from pathlib import Path


def pinned(requirements: str) -> dict[str, str]:
    """Return name and version of each ``name==version`` line."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;#]+)", requirements, re.MULTILINE))


def install(requirements: Path, to: str, rootfs: Path, scratch: Path, what: str) -> Path:
    raise NotImplementedError
