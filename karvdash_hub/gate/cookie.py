"""The gate's cookie: who has shown a ticket for which host, signed, good for that host alone.

The value is JSON, signed by tornado's signed cookies (HMAC-SHA256 with the key's number and a time). The
first key of the key file signs, all of them verify, so keys are changed without signing anybody out:
put a new one first, remove the old one twelve hours later.

ref: https://www.tornadoweb.org/en/stable/guide/security.html#cookies-and-signed-cookies
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from tornado.web import create_signed_value, decode_signed_value

from karvdash_hub.errors import KarvdashError

#: Seconds for which a sign-in at one host lasts.
LIFETIME = 12 * 3600
_MIN_KEY = 32
#: More cookies of our name than this are somebody's attempt to keep us busy.
_MAX_COOKIES = 8
#: Cookies that no service may see, beside the Hub's, whose names begin with ``jupyterhub-``.
_OURS = frozenset({"karvdash", "karvdash-login"})


@dataclass(frozen=True, slots=True)
class Session:
    """What a cookie says.

    Attributes:
        user: who the visitor is.
        host: without port; the cookie is good for no other.
        owner, server: whose host it was when the ticket was given.
        admin: whether the visitor administers the platform.
        issued, expires: Unix seconds.
        session: the sign-in at the Hub that it came from, see ``hub.Ticket``.
    """

    user: str
    host: str
    owner: str
    server: str
    admin: bool
    issued: float
    expires: float
    session: str = ""


class Keys:
    """The keys in a file, one a line, newest first; read again when the file changes.

    The file is made, mode 0600, when it is missing.

    Raises: KarvdashError if the file cannot be made or read, or holds no key of at least 32 characters.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[int, str] = {}
        self._first = 0
        self._make()
        self.load()

    def load(self) -> bool:
        """Read the file again if it changed, and say whether it did.

        A file that became unusable is an error, the old keys stay.
        """
        try:
            status = self._path.stat()
            if (stamp := (status.st_mtime_ns, status.st_ino)) == self._stamp:
                return False
            lines = [line.strip() for line in self._path.read_text().splitlines()]
        except OSError as error:
            raise KarvdashError(
                f"The gate's key file {self._path} cannot be read: {error.strerror}.", "keys", 500
            ) from None
        keys = [line for line in lines if line and not line.startswith("#")]
        if not keys or any(len(key) < _MIN_KEY for key in keys):
            raise KarvdashError(
                f"The gate's key file {self._path} needs keys, one a line, of {_MIN_KEY} characters or more.",
                "keys",
                500,
            )
        self._keys = {_number(key): key for key in reversed(keys)}
        self._first = _number(keys[0])
        self._stamp = stamp
        return True

    def sign(self, session: Session) -> str:
        """Make the cookie's value."""
        text = json.dumps(asdict(session), separators=(",", ":"))
        value = create_signed_value(self._keys, "karvdash", text, version=2, key_version=self._first)
        return value.decode()

    def verify(self, value: str, host: str, now: float) -> Session | None:
        """Return what a cookie says, None if it is not ours, not for this host or too old."""
        data = decode_signed_value(
            self._keys, "karvdash", value, max_age_days=1, clock=lambda: now, min_version=2
        )
        if data is None:
            return None
        try:
            session = Session(**json.loads(data))
        except (ValueError, TypeError):  # signed by another version of the gate
            return None
        return session if session.host == host and session.expires > now else None

    def _make(self) -> None:
        """Make the file unless it is there; of replicas that start together one does, and none reads half."""
        if self._path.exists():
            return
        try:
            # mkstemp gives mode 0600; a link is refused where somebody else was quicker.
            with NamedTemporaryFile("w", dir=self._path.parent, prefix=".gate.") as file:
                file.write(secrets.token_hex(32) + "\n")
                file.flush()
                os.link(file.name, self._path)
        except FileExistsError:
            return
        except OSError as error:
            raise KarvdashError(
                f"The gate's key file {self._path} cannot be made: {error.strerror}.", "keys", 500
            ) from None


def _number(key: str) -> int:
    """Number a key by itself, so that all replicas agree whatever the order of their lines."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")


def values(header: str, name: str) -> Iterator[str]:
    """Yield the values of all cookies of this name in a Cookie header.

    There may be several: on plain http any host of the domain can set one for all others. It cannot sign
    it, so the good one is found by trying.
    """
    found = 0
    for pair in header.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name and found < _MAX_COOKIES:
            found += 1
            yield value


def of_service(header: str) -> str:
    """Return a Cookie header without what is the gate's or the Hub's, as ``karvdash.lua`` does."""
    pairs = (part.strip() for part in header.split(";"))
    return "; ".join(pair for pair in pairs if pair and not _is_private(pair.partition("=")[0].strip()))


def _is_private(name: str) -> bool:
    bare = name.removeprefix("__Host-")
    return bare in _OURS or bare.startswith("jupyterhub-")


def set_cookie(name: str, value: str, *, secure: bool, max_age: int) -> str:
    """Write a Set-Cookie header for this host alone (no Domain); ``max_age`` 0 removes the cookie."""
    flags = "; Secure" if secure else ""
    return f"{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{flags}"


def cookie_name(*, secure: bool) -> str:
    """Name the cookie. Browsers take ``__Host-`` names from this very host only, and over https only.

    ref: https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
    """
    return "__Host-karvdash" if secure else "karvdash"


def login_cookie_name(*, secure: bool) -> str:
    """Name the cookie that ties a way through the sign-in page to the browser that began it."""
    return f"{cookie_name(secure=secure)}-login"
