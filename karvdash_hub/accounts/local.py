"""Add local accounts, change their passwords, check who signs in."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cached_property

from karvdash_hub.accounts.failures import Failures
from karvdash_hub.accounts.passwords import MAX_LENGTH, check_password, hash_password, verify_password
from karvdash_hub.accounts.rules import check_account_name
from karvdash_hub.errors import Busy, Forbidden, NotFound
from karvdash_hub.store import Account, Store

#: Sign-ins whose password is checked or waits for that: some two seconds of two threads.
MOST_WAITING = 20
#: Sign-ins with one name that wait because of former mistakes.
MOST_OF_ONE_NAME = 2

#: Characters of a name that are looked at; no account has a longer one.
_LONGEST_NAME = 64


class LocalAccounts:
    """The accounts of one store. Hashing happens in two threads of its own, never on the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="scrypt")
        self._waiting = 0
        self._failures = Failures()
        self._delayed: Counter[str] = Counter()

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
        """Return the account if name and password are right, else None.

        Takes the same time for unknown users, wrong passwords and inactive accounts. After some mistakes
        in a row the next try with that name waits first.

        Raises: Busy if too many are waiting already; Forbidden if both are right and the account may not
            be used: whoever knows the password learns why.
        """
        found = await self.check(name, password)
        if found is not None and not self._store.is_active(name):
            raise Forbidden(self._why_not(name), "inactive")
        return found

    async def check(self, name: str, password: str) -> Account | None:
        """Return the account, active or not, if this is its password, else None. Raises: Busy."""
        name = name[:_LONGEST_NAME]
        if delay := self._failures.delay(name):
            await self._delay(name, delay)
        async with self._turn():
            found = await self._authenticate(name, password)
        self._failures.note(name, right=found is not None)
        return found

    async def hash(self, password: str) -> str:
        """Hash a new password. Raises: Busy."""
        async with self._turn():
            return await asyncio.get_running_loop().run_in_executor(self._threads, hash_password, password)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= MOST_WAITING:
            raise Busy("Too many people are signing in just now. Try again in a moment.", "sign-in")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _delay(self, name: str, seconds: float) -> None:
        if self._delayed[name] >= MOST_OF_ONE_NAME:
            raise Busy("Too many sign-ins with this name have failed. Try again in a moment.", "sign-in")
        self._delayed[name] += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._delayed[name] -= 1
            self._delayed += Counter()  # drops those at zero

    async def _authenticate(self, name: str, password: str) -> Account | None:
        account = self._store.account(name)
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(self._threads, self._verify, password, account)
        return account if right else None

    def _why_not(self, name: str) -> str:
        if self._store.people.deactivated(name) is not None:
            return "Your account is deactivated. Ask an administrator."
        return "Your account waits for an administrator to activate it."

    def _verify(self, password: str, account: Account | None) -> bool:
        expected = account.hash if account else self._nobodys_hash
        return verify_password(password[:MAX_LENGTH], expected) and len(password) <= MAX_LENGTH

    @cached_property
    def _nobodys_hash(self) -> str:
        """The hash of a password that nobody knows."""
        return hash_password(secrets.token_hex())
