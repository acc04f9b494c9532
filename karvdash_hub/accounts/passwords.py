"""Hash and check passwords with scrypt.

    scrypt$32768$8$3$<salt>$<key>        base64 without padding

The parameters are in the hash, so that old hashes are still understood when ours are raised.
ref: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from karvdash_hub.errors import KarvdashError

#: Of new hashes: 32 MiB and some 0.2 s of one core. hashlib lets other threads run meanwhile.
COST, _BLOCK, _PARALLEL = 2**15, 8, 3
_KEY_BYTES = 32
_MEMORY = 128 * 2**20

MIN_LENGTH = 8
#: Longer ones are refused rather than cut off.
MAX_LENGTH = 1024


def check_password(password: str) -> None:
    """Refuse what cannot be a password. Raises: KarvdashError, reason ``password``."""
    if len(password) < MIN_LENGTH:
        raise KarvdashError(f"A password needs at least {MIN_LENGTH} characters.", "password")
    if len(password) > MAX_LENGTH:
        raise KarvdashError(f"A password has at most {MAX_LENGTH} characters.", "password")


def hash_password(password: str, cost: int | None = None) -> str:
    """Hash a password with a fresh salt. Takes some 0.2 s: call it in a thread."""
    salt, cost = secrets.token_bytes(16), cost or COST
    key = _scrypt(password, salt, cost, _BLOCK, _PARALLEL)
    return f"scrypt${cost}${_BLOCK}${_PARALLEL}${_encode(salt)}${_encode(key)}"


def verify_password(password: str, password_hash: str) -> bool:
    """Tell whether this is the password, in the same time whatever the answer.

    Raises: ValueError if the hash is not one of ours.
    """
    try:
        scheme, cost, block, parallel, salt, key = password_hash.split("$")
        wanted = _decode(key)
        parameters = (_decode(salt), int(cost), int(block), int(parallel))
    except (ValueError, binascii.Error):
        raise ValueError("a password hash in the database is malformed") from None
    if scheme != "scrypt":
        raise ValueError(f"a password hash in the database is of the unknown kind {scheme!r}")
    return hmac.compare_digest(_scrypt(password, *parameters), wanted)


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=_MEMORY, dklen=_KEY_BYTES
    )


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii").rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
