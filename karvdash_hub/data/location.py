"""Where the tree of all files is, as nodes reach it: ``file:///path`` or ``nfs://server/path``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

_FORMS = "file:///path or nfs://server/path"
_HOST = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Location:
    """A folder in a file system that every node can mount.

    Attributes:
        scheme: "file" is a folder of each node (of one node, or the same network file system on all).
        server: name or address of the NFS server; "" for "file".
        path: absolute, without a final slash.
    """

    scheme: Literal["file", "nfs"]
    server: str
    path: str

    def below(self, folder: str) -> Location:
        """The location of a folder below this one. ``folder`` is one of ours, never a user's text."""
        return Location(self.scheme, self.server, f"{self.path.rstrip('/')}/{folder}")

    def __str__(self) -> str:
        host = f"[{self.server}]" if ":" in self.server else self.server
        return f"{self.scheme}://{host}{self.path}"


def parse_location(url: str) -> Location:
    """Read a ``files_url``.

    Raises: ValueError with a sentence that says what is wrong and how it should look.
    """
    try:
        parts = urlsplit(url)
        server = parts.hostname or ""
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r} is no address ({error}): use {_FORMS}") from None
    if parts.scheme not in ("file", "nfs"):
        raise ValueError(f"{url!r} must start with file:// or nfs://: use {_FORMS}")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError(f"{url!r} must not have ? or #: use {_FORMS}")
    if parts.username is not None or parts.password is not None or port is not None:
        raise ValueError(f"{url!r} must not have a user, password or port: use {_FORMS}")
    path = _checked_path(url, unquote(parts.path))
    if parts.scheme == "file":
        if parts.netloc:
            raise ValueError(
                f"{url!r} names the server {parts.netloc!r}: use three slashes, as in file:///{parts.netloc}"
                f"{parts.path}"
            )
        if path == "/":
            raise ValueError(f"{url!r} is the whole file system: name a folder, as in file:///srv/files")
        return Location("file", "", path)
    if not _HOST.fullmatch(server):
        raise ValueError(f"{url!r} names no server: use nfs://server/path")
    return Location("nfs", server, path)


def checked_dir(path: str) -> str:
    """Read an absolute path of a folder; returns it without a final slash.

    Raises: ValueError with a sentence.
    """
    if not path.startswith("/"):
        raise ValueError(f"{path!r} must start with /")
    return _checked_path(path, path)


def _checked_path(whole: str, path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"{whole!r} has no path: use {_FORMS}")
    if _CONTROL.search(path):
        raise ValueError(f"{whole!r} has unprintable characters in its path")
    words = path.strip("/").split("/")
    if path.strip("/") and any(word in ("", ".", "..") for word in words):
        raise ValueError(f"{whole!r} must not have an empty part, . or .. in its path")
    return "/" + "/".join(word for word in words if word)
