"""The gate's cookie: what is signed, what is believed, and how keys change."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from karvdash_hub.errors import KarvdashError
from karvdash_hub.gate.cookie import Keys, Session, cookie_name, set_cookie, values

NOW = 1_795_000_000.0
SESSION = Session("alice", "web-alice.localhost", "alice", "web", False, NOW, NOW + 100)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.setattr("time.time", lambda: NOW)
    return Keys(tmp_path / "gate.key")


def changed(value: str, index: int) -> str:
    letter = "A" if value[index] != "A" else "B"
    return value[:index] + letter + value[index + 1 :]


def test_a_cookie_says_what_was_signed(keys: Keys) -> None:
    odd = replace(SESSION, user='José "|;,= \\')
    assert odd == keys.verify(keys.sign(odd), odd.host, NOW + 99)


@pytest.mark.parametrize(
    ("host", "now"),
    [
        pytest.param("web-bob.localhost", NOW, id="of another host"),
        pytest.param("web-alice.localhost", NOW + 101, id="too old"),
        pytest.param("WEB-alice.localhost", NOW, id="hosts are compared exactly"),
    ],
)
def test_a_good_cookie_is_not_good_everywhere(keys: Keys, host: str, now: float) -> None:
    assert keys.verify(keys.sign(SESSION), host, now) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("x", id="short"),
        pytest.param("2|1:0|10:1795000000|8:karvdash|4:e30=|" + "0" * 64, id="no key of ours"),
        pytest.param("|" * 5000, id="long"),
    ],
)
def test_nonsense_is_no_cookie(keys: Keys, value: str) -> None:
    assert keys.verify(value, SESSION.host, NOW) is None


def test_no_letter_of_a_cookie_can_be_changed(keys: Keys) -> None:
    value = keys.sign(SESSION)
    assert [
        i for i in range(len(value)) if keys.verify(changed(value, i), SESSION.host, NOW) == SESSION
    ] == []


def test_a_key_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "gate.key"
    first = Keys(path).sign(SESSION)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Keys(path).verify(first, SESSION.host, NOW) == SESSION, "a second start keeps the key"


def test_gates_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    """Each of many either makes the file or finds it whole."""
    path = tmp_path / "gate.key"
    with ThreadPoolExecutor(16) as starts:
        for _ in range(20):
            path.unlink(missing_ok=True)
            values = [one.sign(SESSION) for one in starts.map(lambda _: Keys(path), range(16))]
            assert {Keys(path).verify(value, SESSION.host, NOW) for value in values} == {SESSION}
    assert [one.name for one in tmp_path.iterdir()] == ["gate.key"], "nothing is left beside it"


def test_a_new_key_signs_and_the_old_one_still_verifies(keys: Keys, tmp_path: Path) -> None:
    path, old = tmp_path / "gate.key", keys.sign(SESSION)
    before = path.read_text()
    path.write_text("# new\n" + "n" * 40 + "\n" + before)
    keys.load()
    new = keys.sign(SESSION)

    assert [keys.verify(value, SESSION.host, NOW) for value in (old, new)] == [SESSION, SESSION]
    path.write_text("n" * 40 + "\n")
    keys.load()
    assert [keys.verify(value, SESSION.host, NOW) for value in (old, new)] == [None, SESSION]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "needs keys, one a line, of 32 characters or more", id="empty"),
        pytest.param("short\n", "needs keys, one a line, of 32 characters or more", id="short"),
    ],
)
def test_a_useless_key_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "gate.key"
    path.write_text(text)
    with pytest.raises(KarvdashError, match=message):
        Keys(path)


def test_a_key_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(KarvdashError, match=r"nowhere/gate\.key cannot be made: No such file"):
        Keys(tmp_path / "nowhere" / "gate.key")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("", [], id="none"),
        pytest.param("karvdash=1", ["1"], id="one"),
        pytest.param("a=b; karvdash=1=2; karvdashx=3", ["1=2"], id="among others"),
        pytest.param("karvdash=1;karvdash=2", ["1", "2"], id="a tossed one before the good one"),
        pytest.param("; ".join(["karvdash=x"] * 20), ["x"] * 8, id="no more than eight"),
    ],
)
def test_all_cookies_of_the_name_are_tried(header: str, expected: list[str]) -> None:
    assert expected == list(values(header, "karvdash"))


def test_the_cookie_is_for_this_host_alone() -> None:
    """No Domain, and with https a name that browsers accept from nowhere else."""
    assert (
        set_cookie(cookie_name(secure=False), "v", secure=False, max_age=60)
        == "karvdash=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
    )
    assert (
        set_cookie(cookie_name(secure=True), "v", secure=True, max_age=60)
        == "__Host-karvdash=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
    )
