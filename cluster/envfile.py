"""Files of ``KEY=value`` lines that programs hand to each other (``.demo/env``)."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .errors import ClusterError

_KEY = re.compile(r"[A-Z][A-Z0-9_]*")


def parse_env(text: str) -> dict[str, str]:
    """Read ``KEY=value`` lines; blank lines and lines that start with ``#`` are left out."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return {key.strip(): value for key, _, value in (line.partition("=") for line in lines)}


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Set `values` in the file at `path` and keep its other keys. Mode 0600, replaced atomically.

    Raises ClusterError for a key that is not ``[A-Z][A-Z0-9_]*`` or a value with a line break: one
    line a key is the format.
    """
    wrong = [key for key, value in values.items() if not _KEY.fullmatch(key) or "\n" in value]
    if wrong:
        raise ClusterError(f"cannot write {', '.join(wrong)} to {path}: one KEY=value a line")
    path.parent.mkdir(parents=True, exist_ok=True)
    merged = {**(parse_env(path.read_text()) if path.exists() else {}), **values}
    # mkstemp creates with mode 0600, so the passwords are never readable by others, not even briefly.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write("".join(f"{key}={value}\n" for key, value in merged.items()))
    Path(temporary).replace(path)
