"""With whom services are shared: JupyterHub's own shares, as people read and make them.

Who has a share of a server has the scopes in it; ``access:servers`` opens the service (see ``access``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jupyterhub import orm
from sqlalchemy import or_

from karvdash_hub.errors import FieldError, ValuesInvalid

#: What scopes of a share allow, in words; others, given by the API, are shown as they are.
_WORDS = {
    "access:servers": "open it",
    "read:servers": "see its state",
    "start:servers": "start it",
    "delete:servers": "stop and delete it",
    "servers": "start, stop and delete it",
    "admin:servers": "everything",
    "shares": "share it with others",
    "read:shares": "see with whom it is shared",
}


def of_server(record: Any) -> list[dict[str, Any]]:
    """List the shares of a server of JupyterHub's database, people first, each with what it allows."""
    rows = [
        {
            "kind": "group" if share.group else "user",
            "name": (share.group or share.user).name,
            "may": " and ".join(dict.fromkeys(_word(scope) for scope in share.scopes)),
        }
        for share in record.shares
        if not share.expired and (share.user or share.group)
    ]
    return sorted(rows, key=lambda row: (row["kind"] != "user", row["name"]))


def grant(db: Any, record: Any, kind: str, name: str) -> None:
    """Let a user or the members of a group open a server.

    Raises: ValuesInvalid that says what to write instead.
    """
    whom = find(db, kind, name)
    if whom is None:
        article = "group" if kind == "group" else "user"
        raise ValuesInvalid([FieldError(None, "share", f"There is no {article} {name[:64]!r}.")])
    if whom is record.user:
        raise ValuesInvalid([FieldError(None, "share", "It is yours already.")])
    orm.Share.grant(db, record, whom)


def revoke(db: Any, record: Any, kind: str, name: str) -> None:
    """Take a share away, whatever it allows; nothing happens without one."""
    if (whom := find(db, kind, name)) is not None:
        orm.Share.revoke(db, record, whom)


def find(db: Any, kind: str, name: str) -> Any | None:
    """Find a user or a group of JupyterHub's database by name."""
    return orm.Group.find(db, name) if kind == "group" else orm.User.find(db, name)


def with_user(db: Any, user: Any) -> Iterator[tuple[Any, str]]:
    """Yield the servers that others have shared with a user, each once, with the group it came by or ""."""
    mine: Any = orm.Share.user == user
    if groups := [group.id for group in user.groups]:
        mine = or_(mine, orm.Share.group_id.in_(groups))
    seen: set[int] = set()
    # Shares with the person before those with a group, so that the nearer one is named.
    query: Sequence[Any] = db.query(orm.Share).filter(mine).order_by(orm.Share.group_id, orm.Share.id).all()
    for share in query:
        opens = any(scope.startswith("access:servers") for scope in share.scopes)
        if opens and not share.expired and share.spawner_id not in seen and share.spawner.user is not user:
            seen.add(share.spawner_id)
            yield share.spawner, share.group.name if share.group else ""


def _word(scope: str) -> str:
    name = scope.partition("!")[0]
    return _WORDS.get(name, name)
