"""Add local accounts, change their passwords, check who signs in."""

from __future__ import annotations

import asyncio
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from karvdash_hub.accounts.passwords import MAX_LENGTH, check_password, hash_password, verify_password
from karvdash_hub.errors import Busy, KarvdashError, NotFound
from karvdash_hub.names import RESERVED_USER_NAMES
from karvdash_hub.store import Account, Store

#: Sign-ins whose password is checked or waits for that: some two seconds of two threads.
MOST_WAITING = 20

#: What a new local account may be called. Names from other authenticators may be anything.
_NAME = re.compile(r"[a-z][a-z0-9]{0,29}")


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


class LocalAccounts:
    """The accounts of one store. Hashing happens in two threads of its own, never on the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="scrypt")
        self._waiting = 0

    def add(self, name: str, password: str, *, admin: bool = False) -> None:
        """Add an account. Raises: KarvdashError if name or password cannot be used, Taken if it exists."""
        check_account_name(name)
        check_password(password)
        self._store.add_account(name, hash_password(password), admin=admin)

    def set_password(self, name: str, password: str) -> None:
        """Replace a password. Raises: NotFound, KarvdashError if it cannot be used."""
        check_password(password)
        if not self._store.set_password(name, hash_password(password)):
            raise NotFound(f"There is no account {name}.", "account")

    async def authenticate(self, name: str, password: str) -> Account | None:
        """Return the account if name and password are right and it is active, else None.

        Takes the same time for unknown users, wrong passwords and inactive accounts.

        Raises: Busy if too many are waiting already.
        """
        if self._waiting >= MOST_WAITING:
            raise Busy("Too many people are signing in just now. Try again in a moment.", "sign-in")
        self._waiting += 1
        try:
            return await self._authenticate(name, password)
        finally:
            self._waiting -= 1

    async def _authenticate(self, name: str, password: str) -> Account | None:
        account = self._store.account(name)
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(self._threads, self._verify, password, account)
        return account if right and account is not None and account.active else None

    def _verify(self, password: str, account: Account | None) -> bool:
        expected = account.hash if account else self._nobodys_hash
        return verify_password(password[:MAX_LENGTH], expected) and len(password) <= MAX_LENGTH

    @cached_property
    def _nobodys_hash(self) -> str:
        """The hash of a password that nobody knows."""
        return hash_password(secrets.token_hex())
