"""Where the files of ``share/`` are: page templates, service templates, static files, RBAC."""

from __future__ import annotations

import sys
from pathlib import Path


def share_dir(*below: str) -> Path:
    """The folder ``share/`` of the source tree, or where a wheel has installed it.

    Raises FileNotFoundError when neither is there: the installation is broken, and no page would work.
    """
    source = Path(__file__).parent.parent / "share"
    installed = Path(sys.prefix) / "share" / "karvdash_hub"
    for folder in (source, installed):
        if (folder / "templates").is_dir():
            return folder.joinpath(*below)
    raise FileNotFoundError(f"karvdash_hub's files are neither in {source} nor in {installed}: reinstall it")
