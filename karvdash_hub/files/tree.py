"""Users' folders: made, repaired, set aside, removed.

Everything below the root is opened relative to its parent and without following links, so nobody who can
write somewhere in the tree can lead these steps out of it.

Any user id of any container can change what another one has made in the same folder: folders are 0777 and
carry a default ACL, which replaces the umask of whatever program writes there (a file is then made 0666 and
a folder 0777, unless the program asks for less). Whose folder it is, is decided by who has it mounted;
``private`` itself is 0711, so that its folders cannot be listed on a node. ref: acl(5), "Object creation"
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from karvdash_hub.data.folders import PRIVATE, SHARED, folder, is_slug, removed_name, slug_of_removed
from karvdash_hub.errors import KarvdashError, NotFound
from karvdash_hub.files.problems import Missing, ReadOnly, explained, is_no_folder, told

log = logging.getLogger("karvdash_hub.files")

_PARENT, _OPEN, _CLOSED = 0o711, 0o777, 0o700
_ACL = "system.posix_acl_default"
#: Owner, group and others may all: version 2, then (tag, permissions, no id) of USER_OBJ, GROUP_OBJ, OTHER.
#: ref: linux/posix_acl_xattr.h
_EVERYBODY = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, 7, 0xFFFFFFFF) for tag in (1, 4, 0x20))


@dataclass(frozen=True)
class Removed:
    """A folder of a removed user: ``name`` in ``private/``, whose it was, since when (seconds since 1970)."""

    name: str
    slug: str
    since: float


class Tree:
    """The tree of all files. Every method blocks, for long when the file system hangs.

    Args:
        root: folder that exists.
        mounted: it has to be a mount point, so that nothing is put beneath one that is not mounted.
    """

    def __init__(self, root: Path, *, mounted: bool = False) -> None:
        self.root = root
        self._mounted = mounted
        self._warned = False

    def check(self) -> None:
        """Do nothing, or raise Unavailable with the path if the tree cannot be used."""
        with self._opened() as root:
            if os.fstatvfs(root).f_flag & os.ST_RDONLY:
                raise ReadOnly(self.root)

    def prepare(self, slug: str) -> dict[str, str]:
        """Make what a user's volumes lead to, and repair its modes; may be repeated.

        Returns: {"private": ..., "shared": ...}, relative to the root.
        Raises: KarvdashError with the path and the cure.
        """
        _check(slug)
        with self._opened() as root:
            with self._made(root, PRIVATE, _PARENT, self.root / PRIVATE) as private:
                self._make_open(private, slug, self.root / PRIVATE / slug)
            self._make_open(root, SHARED, self.root / SHARED)
        return {"private": folder("private", slug), "shared": folder("shared", slug)}

    def set_aside(self, slug: str) -> str | None:
        """Rename a user's folder, so that whoever gets the name starts with an empty one.

        Returns: the new name in ``private/``; None if there is no folder. Raises: KarvdashError.
        """
        _check(slug)
        new, path = removed_name(slug, uuid.uuid4().hex), self.root / PRIVATE / slug
        with self._private() as private, told(path):
            if private is None:
                return None
            try:
                os.rename(slug, new, src_dir_fd=private, dst_dir_fd=private)
            except FileNotFoundError:
                return None
            try:
                with _closing(_open(new, private)) as aside:
                    os.fchmod(aside, _CLOSED)
            except OSError as error:
                if not is_no_folder(error):
                    raise
        log.info("%s is set aside as %s", path, new)
        return new

    def removed(self) -> list[Removed]:
        """List the folders that are set aside. Raises: KarvdashError."""
        with self._private() as private, told(self.root / PRIVATE):
            if private is None:
                return []
            names = [(name, slug_of_removed(name)) for name in sorted(os.listdir(private))]  # noqa: PTH208 - a descriptor
            return [
                # Closing it changed this time, and nobody has it mounted since.
                Removed(name, slug, os.stat(name, dir_fd=private, follow_symlinks=False).st_ctime)
                for name, slug in names
                if slug is not None
            ]

    def remove(self, name: str) -> None:
        """Delete a folder that is set aside, with everything in it.

        Raises: NotFound; KarvdashError.
        """
        missing = NotFound(f"There is no folder {name!r} of a removed user.", "folder")
        with self._private() as private, told(self.root / PRIVATE / name):
            if private is None or slug_of_removed(name) is None:
                raise missing
            try:
                if stat.S_ISDIR(os.stat(name, dir_fd=private, follow_symlinks=False).st_mode):
                    # Follows no link, whatever is in it: shutil.rmtree.avoids_symlink_attacks
                    shutil.rmtree(name, dir_fd=private)
                else:
                    os.unlink(name, dir_fd=private)
            except FileNotFoundError:
                raise missing from None
        log.info("%s is removed", self.root / PRIVATE / name)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The root, open. It may be a link itself: an administrator has put it there."""
        try:
            root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise Missing(
                f"There is no folder {self.root} for all files: mount the file system, or correct --root of "
                "the files process."
            ) from None
        except OSError as error:
            raise explained(error, self.root) from error
        with _closing(root):
            if self._mounted and not os.path.ismount(self.root):
                raise Missing(f"Nothing is mounted at {self.root}: mount the file system of all files.")
            yield root

    @contextmanager
    def _private(self) -> Iterator[int | None]:
        """The parent of users' folders, open; None if nobody has had a folder yet."""
        with self._opened() as root:
            try:
                private = _open(PRIVATE, root)
            except FileNotFoundError:
                yield None
                return
            except OSError as error:
                raise explained(error, self.root / PRIVATE) from error
            with _closing(private):
                yield private

    @contextmanager
    def _made(self, parent: int, name: str, mode: int, path: Path) -> Iterator[int]:
        """A folder in an open one, open; made if it is missing, with its mode as it should be."""
        with told(path):
            with suppress(FileExistsError):
                os.mkdir(name, _CLOSED, dir_fd=parent)
            own = _open(name, parent)
        with _closing(own):
            with told(path):
                if stat.S_IMODE(os.fstat(own).st_mode) != mode:
                    os.fchmod(own, mode)
            yield own

    def _make_open(self, parent: int, name: str, path: Path) -> None:
        """A folder in which every user id may do everything."""
        with self._made(parent, name, _OPEN, path) as own, told(path):
            try:
                if _default_acl(own) != _EVERYBODY:
                    os.setxattr(own, _ACL, _EVERYBODY)
            except OSError as error:
                if error.errno != errno.ENOTSUP:
                    raise
                self._warn()

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "The file system of %s has no POSIX ACLs: what a program writes with a umask of 022 can be "
                "changed by its own user id and by root only",
                self.root,
            )


def _check(slug: str) -> None:
    if not is_slug(slug):
        raise KarvdashError(f"{slug!r} cannot be the name of a user's folder.", "slug", 400)


def _open(name: str, parent: int) -> int:
    """Open a folder in an open one. A link is not followed: NotADirectoryError."""
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _default_acl(own: int) -> bytes:
    try:
        return os.getxattr(own, _ACL)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        return b""
