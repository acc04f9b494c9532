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


class Profile(NamedTuple):
    """What is known of a person; ``asked`` is when the account was asked for at the sign-up page."""

    username: str
    email: str | None
    asked: datetime | None


class Deactivation(NamedTuple):
    """Since when a person may do nothing, and what became of the services."""

    username: str
    since: datetime
    services: Literal["keep", "stop"]


#: sessions: end all sign-ins. tokens: delete all tokens of the Hub. role: take the account's admin flag over.
#: cut: end all rights in the cluster. stop: stop what runs. restore: give the rights in the cluster back.
#: remove: delete the person with everything.
OrderKind = Literal["sessions", "tokens", "role", "cut", "stop", "restore", "remove"]


class Order(NamedTuple):
    """One thing that the Hub still has to do for an account; ``number`` changes when it is asked again."""

    username: str
    kind: OrderKind
    number: int


class AuditEntry(NamedTuple):
    """Who did what to whom, and whether it was done.

    Attributes:
        id: rises with time; 0 for an entry that is not stored yet.
        time: UTC without zone; None for an entry that is not stored yet.
        actor: user name; "" for nobody who is known (a failed sign-in, the command line).
        via: ``page``, ``api`` or ``command``.
        action: such as ``sign-in``, ``account.deactivate``, ``service.launch``.
        subject: the user whom it is about, who may read it.
        object: what it was done to, such as ``redis``; "" when that is the subject.
        outcome: ``done``, ``refused`` or ``failed``.
    """

    id: int
    time: datetime | None
    actor: str
    via: str
    action: str
    subject: str
    object: str
    outcome: str


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
