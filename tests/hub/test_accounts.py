"""Local accounts: names, passwords, the command line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from karvdash_hub.accounts import LocalAccounts, check_account_name
from karvdash_hub.accounts.local import MOST_WAITING
from karvdash_hub.accounts.passwords import hash_password, verify_password
from karvdash_hub.cli import commands
from karvdash_hub.errors import Busy, Conflict, Forbidden, KarvdashError, NotFound, Taken
from karvdash_hub.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database."""
    made = Store(f"sqlite:///{tmp_path}/karvdash.sqlite")
    yield made
    made.close()


def test_a_password_is_hashed_with_its_own_salt() -> None:
    first, second = hash_password("correct horse"), hash_password("correct horse")
    assert first != second
    assert "correct" not in first
    assert verify_password("correct horse", first)
    assert not verify_password("Correct horse", first)


@pytest.mark.parametrize(
    "broken", ["", "plain", "md5$1$2$3$YQ$YQ", "scrypt$a$8$3$YQ$YQ", "scrypt$2$8$3$*$YQ"]
)
def test_a_malformed_hash_is_an_error_and_no_match(broken: str) -> None:
    with pytest.raises(ValueError, match="password hash"):
        verify_password("x", broken)


async def test_only_the_right_password_of_an_active_account_signs_in(store: Store) -> None:
    accounts = LocalAccounts(store)
    accounts.add("alice", "correct horse", admin=True)
    store.add_account("gone", hash_password("correct horse"), admin=False, active=False)
    signed_in = await accounts.authenticate("alice", "correct horse")
    assert signed_in is not None and signed_in.admin
    for name, password in (
        ("alice", "wrong"),
        ("nobody", "correct horse"),
        ("gone", "wrong"),
        ("alice", ""),
    ):
        assert await accounts.authenticate(name, password) is None
    assert await accounts.authenticate("alice", "correct horse" * 1000) is None
    with pytest.raises(Forbidden, match="waits for an administrator"):
        await accounts.authenticate("gone", "correct horse")
    accounts.set_password("alice", "another one")
    assert await accounts.authenticate("alice", "correct horse") is None
    assert await accounts.authenticate("alice", "another one") is not None


async def test_only_so_many_wait_for_their_password(store: Store) -> None:
    """A flood of wrong passwords must not make everybody wait for minutes."""
    accounts = LocalAccounts(store)
    go_on = threading.Event()
    for _ in range(2):
        accounts._threads.submit(go_on.wait)
    waiting = [
        asyncio.create_task(accounts.authenticate(f"nobody{number}", "x")) for number in range(MOST_WAITING)
    ]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refused:
        await accounts.authenticate("alice", "correct horse")
    assert refused.value.status == 429
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    go_on.set()
    assert await accounts.authenticate("alice", "correct horse") is None


@pytest.mark.parametrize("name", ["Alice", "al.ice", "al-ice", "1alice", "a" * 31, "", "αλίκη"])
def test_a_local_account_has_a_simple_name(name: str) -> None:
    with pytest.raises(KarvdashError, match="lower-case letters and digits"):
        check_account_name(name)


def test_what_cannot_be_an_account(store: Store) -> None:
    accounts = LocalAccounts(store)
    accounts.add("alice", "correct horse")
    with pytest.raises(Taken):
        accounts.add("alice", "correct horse")
    with pytest.raises(KarvdashError, match="at least 8"):
        accounts.add("bob", "short")
    with pytest.raises(NotFound):
        accounts.set_password("bob", "correct horse")


def test_the_command_line(tmp_path: Path) -> None:
    run = CliRunner().invoke
    base = ["user", "--state-dir", str(tmp_path)]
    added = run(commands, [*base, "add", "alice", "--password-stdin"], input="correct horse\n")
    assert added.exit_code == 0, added.output
    made = run(commands, [*base, "add", "root1", "--admin", "--generate"])
    assert made.exit_code == 0, made.output
    listed = [line.split("\t")[:3] for line in run(commands, [*base, "list"]).output.splitlines()]
    assert listed == [["alice", "user", "active"], ["root1", "admin", "active"]]
    changed = run(commands, [*base, "password", "alice", "--password-stdin"], input="another one\n")
    assert changed.exit_code == 0, changed.output
    both = run(commands, [*base, "add", "bob", "--generate", "--password-stdin"], input="x\n")
    assert both.exit_code == 2
    assert run(commands, ["user", "list"], env={"KARVDASH_STATE_DIR": ""}).exit_code == 2
    assert run(commands, ["version"]).exit_code == 0


async def test_an_account_is_barred_let_in_and_removed(tmp_path: Path, store: Store) -> None:
    accounts = LocalAccounts(store)
    accounts.add("alice", "correct horse")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(commands, ["user", "--state-dir", str(tmp_path), *arguments])

    assert run("deactivate", "alice", "--services", "keep").exit_code == 0
    assert "alice\tuser\tdeactivated" in run("list").output
    with pytest.raises(Forbidden, match="deactivated"):
        await accounts.authenticate("alice", "correct horse")
    assert run("activate", "alice").exit_code == 0
    assert await accounts.authenticate("alice", "correct horse") is not None
    assert run("remove", "alice").exit_code == 0
    with pytest.raises(Forbidden, match="deactivated"):
        await accounts.authenticate("alice", "correct horse")
    assert [order.kind for order in store.people.orders("alice")] == [
        "sessions",
        "tokens",
        "cut",
        "stop",
        "remove",
    ]
    assert isinstance(run("activate", "alice").exception, Conflict)
    store.remove_account("alice")
    assert store.people.orders("alice") == []
    for command in ("deactivate", "activate", "remove"):
        assert isinstance(run(command, "alice").exception, NotFound)


def test_the_last_administrator_stays(tmp_path: Path, store: Store) -> None:
    accounts = LocalAccounts(store)
    accounts.add("root1", "correct horse", admin=True)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(commands, ["user", "--state-dir", str(tmp_path), *arguments])

    for command in ("deactivate", "demote", "remove"):
        assert "last administrator" in str(run(command, "root1").exception)
    accounts.add("root2", "correct horse")
    assert run("promote", "root2").exit_code == 0
    assert run("demote", "root1").exit_code == 0
    assert [(one.name, one.admin) for one in store.accounts()] == [("root1", False), ("root2", True)]
