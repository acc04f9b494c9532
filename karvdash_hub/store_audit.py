"""The audit log: entries are added and read, never changed and never deleted.

``store.audit``. SQLite refuses anything else by triggers (``store_tables``). A user who was removed leaves
the entries behind; a later user of the same name does not get to read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import sqlalchemy as sa

from karvdash_hub.store_rows import AuditEntry
from karvdash_hub.store_tables import AUDIT

#: The action that ends what a subject may read: of the user that had the name before.
REMOVED = "account.delete"
#: Longest actor, subject and object; the rest is cut.
_LONGEST = 255
#: Entries that an export reads at once.
_CHUNK = 1000


class AuditLog:
    """The log of one store."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[sa.Connection]]) -> None:
        self._transaction = transaction

    def add(
        self,
        action: str,
        *,
        subject: str,
        actor: str = "",
        object: str = "",
        outcome: str = "done",
        via: str = "page",
    ) -> None:
        """Write an entry, with the time of now."""
        with self._transaction() as connection:
            connection.execute(
                AUDIT.insert().values(
                    time=datetime.now(UTC).replace(tzinfo=None),
                    actor=actor[:_LONGEST],
                    via=via,
                    action=action,
                    subject=subject[:_LONGEST],
                    object=object[:_LONGEST],
                    outcome=outcome,
                )
            )

    def entries(
        self,
        *,
        subject: str | None = None,
        since_removal: bool = False,
        before: int | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """Return entries, the newest first.

        Args:
            subject: only what is about this user.
            since_removal: not what is about an earlier user of that name.
            before: only entries with a smaller id: the next page.
        """
        query = sa.select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(AUDIT.c.subject == subject)
        if before is not None:
            query = query.where(AUDIT.c.id < before)
        with self._transaction() as connection:
            if subject is not None and since_removal:
                removed = sa.select(sa.func.max(AUDIT.c.id)).where(
                    AUDIT.c.subject == subject, AUDIT.c.action == REMOVED, AUDIT.c.outcome == "done"
                )
                query = query.where(AUDIT.c.id > (connection.scalar(removed) or 0))
            return [AuditEntry(*row) for row in connection.execute(query)]

    def export(self, *, subject: str | None = None, since_removal: bool = False) -> Iterator[AuditEntry]:
        """Yield every entry, the newest first, a thousand at a time."""
        before: int | None = None
        while True:
            chunk = self.entries(subject=subject, since_removal=since_removal, before=before, limit=_CHUNK)
            yield from chunk
            if len(chunk) < _CHUNK:
                return
            before = chunk[-1].id
