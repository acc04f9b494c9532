"""Layers: lists of entries become reproducible, compressed archives."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from .oci import EPOCH, LAYER_TYPE, Descriptor

# Speed before size: the archives cross a loopback link once. docs/reference/images.md has the figures.
GZIP_LEVEL = 1


@dataclass(frozen=True)
class Entry:
    """One file, folder or symbolic link of a layer.

    ``path`` has no leading slash. ``source`` is on this machine; without one the entry is a link to
    ``link``, or a folder. ``owner`` is (uid, gid); None keeps what the source has.
    """

    path: str
    source: Path | None = None
    link: str = ""
    mode: int | None = None
    owner: tuple[int, int] | None = (0, 0)


@dataclass(frozen=True)
class Blob:
    """A layer on disk: ``diff_id`` is the digest of the archive before compression."""

    descriptor: Descriptor
    diff_id: str


class _Digest:
    """A binary writer that counts and hashes what passes through."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._target.write(data)

    def flush(self) -> None:
        self._target.flush()

    @property
    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()


def tree(root: Path, below: str = "", owner: tuple[int, int] | None = (0, 0)) -> Iterator[Entry]:
    """Yield an entry for everything in ``root``, without following links; ``below`` is its place."""
    for folder, folders, files in os.walk(root):
        for name in sorted(folders + files):
            source = Path(folder, name)
            yield Entry(str(Path(below, source.relative_to(root))), source, owner=owner)


def write_layer(entries: Iterable[Entry], blobs: Path) -> Blob:
    """Write the entries, sorted and with one fixed time, as a blob in ``blobs``.

    Device nodes, sockets and pipes are left out. Of two entries with one path the later counts.
    """
    chosen = {entry.path: entry for entry in entries}
    partial = blobs / "layer.partial"
    with partial.open("wb") as file:
        outer = _Digest(file)
        with gzip.GzipFile(
            filename="", mode="wb", fileobj=cast(IO[bytes], outer), compresslevel=GZIP_LEVEL, mtime=0
        ) as packer:
            inner = _Digest(cast(IO[bytes], packer))
            with tarfile.open(fileobj=cast(IO[bytes], inner), mode="w|", bufsize=1 << 20) as archive:
                for path in sorted(chosen, key=lambda path: path.split("/")):
                    _add(archive, chosen[path])
    partial.rename(blobs / outer.digest.removeprefix("sha256:"))
    return Blob(Descriptor(LAYER_TYPE, outer.digest, outer.size), inner.digest)


def _add(archive: tarfile.TarFile, entry: Entry) -> None:
    if entry.source is None:
        info = tarfile.TarInfo(entry.path)
        info.type = tarfile.SYMTYPE if entry.link else tarfile.DIRTYPE
        info.linkname = entry.link
        info.mode = 0o777 if entry.link else 0o755
    else:
        info = archive.gettarinfo(entry.source, arcname=entry.path)
        if not (info.isreg() or info.isdir() or info.issym() or info.islnk()):
            return
    info.mtime = EPOCH
    info.uname = info.gname = ""
    if entry.mode is not None:
        info.mode = entry.mode
    if entry.owner is not None:
        info.uid, info.gid = entry.owner
    if info.isreg() and entry.source is not None:
        with entry.source.open("rb") as content:
            archive.addfile(info, content)
    else:
        archive.addfile(info)
