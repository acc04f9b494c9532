"""The audit log as text: CSV for tables, JSON lines for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from karvdash_hub.store_rows import AuditEntry

COLUMNS = ("id", "time", "actor", "via", "action", "subject", "object", "outcome")
#: Characters with which a table program takes a cell for a formula.
#: ref: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_dict(entry: AuditEntry) -> dict[str, str | int]:
    """Return an entry as the API writes it; the time is ISO 8601 in UTC."""
    time = f"{entry.time.isoformat(timespec='seconds')}Z" if entry.time else ""
    return {**entry._asdict(), "time": time}


def json_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """Yield a JSON object a line."""
    for entry in entries:
        yield json.dumps(to_dict(entry), ensure_ascii=False) + "\n"


def csv_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """Yield a heading and a line an entry, with no cell that a table program would run."""
    yield _line(COLUMNS)
    for entry in entries:
        yield _line([_harmless(str(value)) for value in to_dict(entry).values()])


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()
