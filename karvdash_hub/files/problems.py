"""What the operating system says about a folder, as a sentence with the path and the cure."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from karvdash_hub.errors import Conflict, KarvdashError, Unavailable

_LINK = (errno.ELOOP, errno.ENOTDIR)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM)


class Full(KarvdashError):
    """There is no room for a folder."""

    def __init__(self, path: Path) -> None:
        message = f"No space is left for {path}: an administrator has to make room in the file system."
        super().__init__(message, "files-full", 507)


class Missing(Unavailable):
    """The tree of all files is not there."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "files-missing")


class ReadOnly(Unavailable):
    """The tree of all files cannot be written."""

    def __init__(self, path: Path) -> None:
        message = f"The file system of {path} is read-only: mount it so that it can be written."
        super().__init__(message, "files-read-only")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a KarvdashError about ``path``."""
    try:
        yield
    except OSError as error:
        raise explained(error, path) from error


def is_no_folder(error: OSError) -> bool:
    """Tell whether opening a folder failed because it is a file or a link."""
    return error.errno in _LINK


def explained(error: OSError, path: Path) -> KarvdashError:
    """Return the sentence for an error that an operation on ``path`` met."""
    if is_no_folder(error):
        return Conflict(
            f"{path} is not a folder but a file or a symbolic link, which is not followed. An administrator "
            "has to move it away; the folder is then made again.",
            "files-link",
        )
    if error.errno == errno.EROFS:
        return ReadOnly(path)
    if error.errno in _FULL:
        return Full(path)
    if error.errno in _DENIED:
        return Unavailable(
            f"The files process may not change {path} (it runs as user {os.geteuid()}): let it own the tree.",
            "files-denied",
        )
    return Unavailable(f"{path} cannot be used: {os.strerror(error.errno or 0)}.", "files-failed")
