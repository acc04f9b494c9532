"""The tables of ``karvdash_hub.store``."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa

METADATA = sa.MetaData()
META = sa.Table(
    "meta", METADATA, sa.Column("key", sa.String(64), primary_key=True), sa.Column("value", sa.Text)
)
ACCOUNTS = sa.Table(
    "accounts",
    METADATA,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("hash", sa.String(255), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("admin", sa.Boolean, nullable=False),
    sa.Column("created", sa.DateTime, nullable=False),
)
NAMESPACES = sa.Table(
    "namespaces",
    METADATA,
    sa.Column("slug", sa.String(63), primary_key=True),
    sa.Column("username", sa.String(255), nullable=False, unique=True),
    sa.Column("namespace", sa.String(63), nullable=False, unique=True),
)
#: Users that were removed, until nothing of their namespace is left. Not a column of namespaces: missing
#: tables are made in a database of before, missing columns are not.
LEAVING = sa.Table("leaving", METADATA, sa.Column("username", sa.String(255), primary_key=True))
HOSTS = sa.Table(
    "hosts",
    METADATA,
    sa.Column("host", sa.String(255), primary_key=True),
    sa.Column("username", sa.String(255), nullable=False),
    sa.Column("server", sa.String(63), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Index("hosts_by_server", "username", "server"),
)
LAUNCHES = sa.Table(
    "launches",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("username", sa.String(255), nullable=False),
    sa.Column("server", sa.String(63), nullable=False),
    sa.Column("template", sa.String(255), nullable=False),
    sa.Column("namespace", sa.String(63), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("created", sa.DateTime, nullable=False),
    sa.Column("updated", sa.DateTime, nullable=False),
    sa.UniqueConstraint("username", "server"),
    sa.Index("launches_by_state", "state"),
)
TICKETS = sa.Table(
    "tickets",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("username", sa.String(255), nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
    sa.Column("used", sa.Boolean, nullable=False),
)


#: Tokens themselves are in no table; see spawner/pod_tokens.py.
POD_TOKENS = sa.Table(
    "pod_tokens",
    METADATA,
    sa.Column("username", sa.String(255), primary_key=True),
    sa.Column("id", sa.String(36), nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
)
#: What is known of a person besides name and password; with other authenticators too. Tables of their own,
#: like ``leaving``, because missing columns are not made in a database of before.
PROFILES = sa.Table(
    "profiles",
    METADATA,
    sa.Column("username", sa.String(255), primary_key=True),
    sa.Column("email", sa.String(254), unique=True),
    sa.Column("asked", sa.DateTime),
)
#: Who may do nothing any more, whoever signs people in.
DEACTIVATED = sa.Table(
    "deactivated",
    METADATA,
    sa.Column("username", sa.String(255), primary_key=True),
    sa.Column("since", sa.DateTime, nullable=False),
    sa.Column("services", sa.String(16), nullable=False),
)
#: What the Hub still has to do after an account was changed, by a page or by the command line.
ORDERS = sa.Table(
    "orders",
    METADATA,
    sa.Column("username", sa.String(255), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("time", sa.DateTime, nullable=False),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("via", sa.String(16), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("object", sa.String(255), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Index("audit_by_subject", "subject", "id"),
    sqlite_autoincrement=True,
)


def _append_only(verb: str) -> None:
    """Let SQLite refuse to change or delete entries; elsewhere grant the Hub's role SELECT and INSERT."""
    trigger: sa.DDL = sa.DDL(  # type: ignore[no-untyped-call]
        f"CREATE TRIGGER IF NOT EXISTS audit_no_{verb} BEFORE {verb} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    )
    sa.event.listen(AUDIT, "after_create", trigger.execute_if(dialect="sqlite"))


_append_only("UPDATE")
_append_only("DELETE")


def keep_private(url: str) -> None:
    """Let nobody else read a SQLite file: the provider's signing keys are in it."""
    where = sa.make_url(url)
    if where.get_backend_name() == "sqlite" and where.database and where.database != ":memory:":
        file = Path(where.database)
        file.touch(0o600)
        file.chmod(0o600)


def prepare_sqlite(connection: Any, _record: Any) -> None:
    """Set up a connection of any engine; databases other than SQLite are left alone."""
    if not isinstance(connection, sqlite3.Connection):
        return
    # Write-ahead logging: a commit survives SIGKILL of the process and costs no fsync of its own.
    # ref: https://www.sqlite.org/pragma.html#pragma_synchronous
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    # Milliseconds. The event loop waits with it; other programs write for a few of them.
    cursor.execute("PRAGMA busy_timeout=1000")
    cursor.close()
