"""What the store returns: one tuple a row."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from karvdash_hub.names import Hostname, Namespace, ServerName

LaunchState = Literal["started", "anchored", "applied", "ready", "failed", "removed", "deleted"]
#: "removed": stopped. "deleted": to be forgotten with all it keeps. "failed": refused, and cleared away.
#: The launch was interrupted if no process is busy with it.
UNFINISHED: tuple[LaunchState, ...] = ("started", "anchored", "applied")


class Account(NamedTuple):
    """A local account; ``hash`` is what ``karvdash_hub.accounts.passwords`` wrote."""

    name: str
    hash: str
    active: bool
    admin: bool
    created: datetime


class UserNamespace(NamedTuple):
    """The slug and the namespace that belong to one user name."""

    slug: str
    username: str
    namespace: Namespace


class Host(NamedTuple):
    """An allocated host, without port; ``kind`` is ``service`` or ``user`` (then ``server`` is empty)."""

    host: Hostname
    username: str
    server: str
    kind: str


class PodToken(NamedTuple):
    """The token in a user's ``config.ini``: the id that it is derived from, and its end (Unix seconds)."""

    username: str
    id: str
    expires: float


class LaunchRow(NamedTuple):
    """The newest launch of one server. There is at most one row for each."""

    id: str
    username: str
    server: ServerName
    template: str
    namespace: Namespace
    state: LaunchState
    message: str
    created: datetime
    updated: datetime
