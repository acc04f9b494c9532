"""What names, e-mail addresses and passwords may be. Pure; every mistake is told at once."""

from __future__ import annotations

import re

from karvdash_hub.accounts.passwords import check_password
from karvdash_hub.errors import FieldError, KarvdashError
from karvdash_hub.names import RESERVED_USER_NAMES

#: Longest e-mail address, ref: https://www.rfc-editor.org/errata/eid1690
LONGEST_EMAIL = 254
#: What a new local account may be called. Names from other authenticators may be anything.
_NAME = re.compile(r"[a-z][a-z0-9]{0,29}")
#: One @, a dot behind it, nothing invisible. Whether the address exists only a letter can tell.
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)+")
#: The beginnings of what people choose most, ref: NIST SP 800-63B 5.1.1.2. Digits behind them do not help.
_COMMON = (
    "abc",
    "admin",
    "changeme",
    "dragon",
    "football",
    "iloveyou",
    "karvdash",
    "letmein",
    "monkey",
    "passw0rd",
    "password",
    "princess",
    "qwerty",
    "qwertyuiop",
    "secret",
    "sunshine",
    "test",
    "welcome",
)
_ENDS = re.compile(r"[0-9!.?*@#$_-]*")


def check_account_name(name: str) -> None:
    """Refuse what cannot be the name of a local account, with a sentence that says why.

    Raises: KarvdashError, reason ``user-name``.
    """
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 64 else f"{name[:64]}…"
        raise KarvdashError(
            f"{shown!r} cannot be a user name: use 1 to 30 lower-case letters and digits, a letter first. "
            "Namespaces and addresses are named after it.",
            "user-name",
        )
    if name in RESERVED_USER_NAMES:
        raise KarvdashError(
            f"The user name {name!r} is reserved, because an address of the platform has it. "
            "Choose another one.",
            "user-name",
        )


def name_mistakes(name: str) -> list[FieldError]:
    """Say what is wrong with a user name."""
    if not name:
        return [FieldError(None, "name", "Choose a user name.")]
    try:
        check_account_name(name)
    except KarvdashError as error:
        return [FieldError(None, "name", error.message)]
    return []


def email_mistakes(email: str, *, required: bool) -> list[FieldError]:
    """Say what is wrong with an e-mail address; "" is none at all."""
    if not email:
        return [FieldError(None, "email", "An e-mail address is needed.")] if required else []
    if len(email) > LONGEST_EMAIL:
        message = f"An e-mail address has at most {LONGEST_EMAIL} characters."
    elif not _EMAIL.fullmatch(email):
        message = f"{email!r} is not an e-mail address: write it like name@example.com."
    else:
        return []
    return [FieldError(None, "email", message)]


def password_mistakes(password: str, *, name: str = "", email: str = "") -> list[FieldError]:
    """Say what is wrong with a new password of this person."""
    found = []
    try:
        check_password(password)
    except KarvdashError as error:
        found.append(error.message)
    if password.isdigit():
        found.append("Digits alone are guessed too quickly.")
    if any(_is_common(password.lower(), word) for word in _COMMON):
        found.append("It is one of the passwords that are tried first.")
    mailbox = email.partition("@")[0].lower()
    own = [word for word in (name.lower(), mailbox) if len(word) >= 4 or word == password.lower()]
    if password and any(word and word in password.lower() for word in own):
        found.append("It must not contain your user name or your e-mail address.")
    return [FieldError(None, "password", message) for message in found]


def _is_common(password: str, word: str) -> bool:
    return password.startswith(word) and _ENDS.fullmatch(password.removeprefix(word)) is not None
