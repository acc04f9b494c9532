"""/hub/audit: what was done by and to whom; everybody reads what is about oneself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tornado import web

from karvdash_hub.accounts.exporting import csv_lines, json_lines, to_dict
from karvdash_hub.errors import FieldError, ValuesInvalid
from karvdash_hub.handlers.base import KarvdashMixin, PageHandler
from karvdash_hub.store_rows import AuditEntry

SCOPE = "custom:karvdash:audit"
#: Entries of a page, and the most that a request of the API may ask for.
PAGE, MOST = 50, 1000
#: Characters that are gathered before they are sent.
_CHUNK = 64 * 1024
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}


class AuditMixin(KarvdashMixin):
    """Reads as much of the log as the asker may read."""

    def read_page(self) -> tuple[list[dict[str, Any]], int | None]:
        """Return entries, and where the next page begins (None at the end). Raises: KarvdashError."""
        limit = self._number("limit", PAGE) or PAGE
        limit = max(1, min(limit, MOST))
        entries = self.karvdash.store.audit.entries(
            **self._whose(), before=self._number("before", None), limit=limit
        )
        following = entries[-1].id if len(entries) == limit else None
        return [to_dict(entry) for entry in entries], following

    def export(self) -> Iterator[AuditEntry]:
        """Yield all entries that the asker may read."""
        return self.karvdash.store.audit.export(**self._whose())

    @property
    def reads_all(self) -> bool:
        """Whether the asker may read what is about others."""
        return any(self.has_scope(scope) for scope in (SCOPE, "admin:users"))

    def _whose(self) -> dict[str, Any]:
        self.require("")
        wanted = self.get_argument("user", "").strip()
        if self.reads_all:
            return {"subject": wanted or None}
        if wanted and wanted != self.current_user.name:
            self.require(SCOPE)
        self.require("read:users")
        return {"subject": self.current_user.name, "since_removal": True}

    def _number(self, name: str, otherwise: int | None) -> int | None:
        text = self.get_argument(name, "")
        if not text:
            return otherwise
        if not text.isdecimal() or len(text) > 15:
            raise ValuesInvalid([FieldError(None, name, "must be a whole number.")])
        return int(text)


class AuditPageHandler(AuditMixin, PageHandler):
    """/hub/audit, /hub/audit.csv and /hub/audit.jsonl."""

    @web.authenticated
    async def get(self, form: str | None = None) -> None:
        """Show a page of it, or send all of it as a file."""
        self.set_header("Cache-Control", "no-store")
        if form:
            await self._send(form)
            return
        entries, following = self.read_page()
        await self.answer(
            "karvdash/audit.html",
            heading="Audit log" if self.reads_all else "What was done with your account",
            here="audit",
            entries=entries,
            following=following,
            reads_all=self.reads_all,
            who=self.get_argument("user", ""),
        )

    async def _send(self, form: str) -> None:
        lines = (csv_lines if form == "csv" else json_lines)(self.export())
        self.set_header("Content-Type", _TYPES[form])
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Disposition", f'attachment; filename="audit.{form}"')
        waiting = ""
        for line in lines:
            waiting += line
            if len(waiting) > _CHUNK:
                self.write(waiting)
                await self.flush()  # others get their turn, and nothing piles up
                waiting = ""
        self.finish(waiting)
