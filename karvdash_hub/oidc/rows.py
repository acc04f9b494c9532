"""What the rules need from outside: a database, people, keys. ``Store.oidc`` and ``provider`` have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from karvdash_hub.oidc.model import Access, Client, Code, Family, Person, Refresh


class Rows(Protocol):
    """The part of ``Store.oidc`` that the grants use; see there."""

    def client(self, client_id: str) -> Client | None: ...
    def add_code(self, code: Code) -> None: ...
    def code(self, digest: str) -> Code | None: ...
    def redeem(self, code: str, family: Family, access: Access, refresh: str) -> bool: ...
    def rotate(self, used: str, access: Access, refresh: str, now: float) -> bool: ...
    def refresh(self, digest: str, now: float) -> Refresh | None: ...
    def access(self, digest: str, now: float) -> Access | None: ...
    def end_family(self, family: str) -> None: ...
    def end_access(self, digest: str) -> None: ...


class People(Protocol):
    """Who people are now."""

    def person(self, username: str) -> Person | None:
        """Return a person; None when the account is gone or not active."""


class Signer(Protocol):
    """The signing keys."""

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a JWT."""
