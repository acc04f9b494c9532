"""The internal endpoint: who may call it, what it answers, and what the Hub makes of its answers."""

from __future__ import annotations

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from karvdash_hub.errors import KarvdashError
from karvdash_hub.files.client import FilesClient
from tests.files.conftest import Files

DOORS = [
    pytest.param("PUT", "/internal/folders/mallory", id="make"),
    pytest.param("DELETE", "/internal/folders/mallory", id="set-aside"),
    pytest.param("GET", "/internal/removed", id="list"),
    pytest.param("DELETE", "/internal/removed/.deleted-" + "0" * 32 + "-mallory", id="remove"),
]


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_strangers_are_refused(files: Files, method: str, path: str, token: str) -> None:
    answer = files.call(method, path, token)
    assert (answer.status_code, answer.json()["reason"]) == (403, "forbidden")
    assert not (files.root / "private/mallory").exists()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/", 404, id="root"),
        pytest.param("PUT", "/internal/folders/", 404, id="no-slug"),
        pytest.param("PUT", "/internal/folders/a/b", 404, id="two-parts"),
        pytest.param("PUT", "/internal/folders/..%2f..%2fetc", 400, id="encoded-parent"),
        pytest.param("PUT", "/internal/folders/%2e%2e%2fx", 400, id="all-encoded"),
        pytest.param("PUT", "/internal/folders/a%00b", 400, id="nul"),
        pytest.param("DELETE", "/internal/folders/.deleted-x", 400, id="set-aside-twice"),
        pytest.param("DELETE", "/internal/removed/..%2f..%2fshared", 404, id="remove-elsewhere"),
        pytest.param("GET", "/internal/folders/alice", 405, id="method"),
    ],
)
def test_other_addresses(files: Files, method: str, path: str, status: int) -> None:
    answer = files.call(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "reason"}


def test_a_life_of_a_folder(files: Files) -> None:
    made = files.call("PUT", "/internal/folders/alice")
    assert (made.status_code, made.json()) == (200, {"private": "private/alice", "shared": "shared"})
    kept = files.call("DELETE", "/internal/folders/alice").json()["kept"]
    assert files.call("DELETE", "/internal/folders/alice").json() == {"kept": None}
    listed = files.call("GET", "/internal/removed").json()["objects"]
    assert [(one["name"], one["slug"]) for one in listed] == [(kept, "alice")]
    assert files.call("DELETE", f"/internal/removed/{kept}").status_code == 204
    assert files.call("DELETE", f"/internal/removed/{kept}").status_code == 404
    assert files.call("GET", "/internal/removed").json()["objects"] == []


def test_ready_says_what_is_wrong_and_health_does_not_mind(files: Files, tmp_path: Path) -> None:
    assert files.call("GET", "/ready", "").text == "ok\n"
    away = files.root.rename(tmp_path / "away")
    try:
        answer = files.call("GET", "/ready", "")
        assert (answer.status_code, answer.json()["reason"]) == (503, "files-missing")
        assert str(files.root) in answer.json()["error"]
        assert files.call("GET", "/health", "").text == "ok\n"
    finally:
        away.rename(files.root)
    assert files.call("GET", "/ready", "").ok


async def said(files: Files, **changes: Any) -> tuple[int, str, str]:
    client = FilesClient(changes.get("api", files.url), changes.get("token_file", files.token_file))
    try:
        with pytest.raises(KarvdashError) as caught:
            await client.prepare(changes.get("slug", "alice"))
        return caught.value.status, caught.value.reason, caught.value.message
    finally:
        client.close()


async def test_the_hub_hears_the_reason(files: Files) -> None:
    (files.root / "private").mkdir(exist_ok=True)
    (files.root / "private/linked").symlink_to("/")
    status, reason, message = await said(files, slug="linked")
    assert (status, reason) == (409, "files-link")
    assert message.startswith(f"{files.root}/private/linked is not a folder")


async def test_a_wrong_secret_is_the_administrators_to_mend(files: Files, tmp_path: Path) -> None:
    wrong = tmp_path / "token"
    wrong.write_text("wrong")
    status, reason, message = await said(files, token_file=wrong)
    assert (status, reason) == (503, "files-token")
    assert f"{wrong} must hold the same" in message
    assert (await said(files, token_file=tmp_path / "none"))[1] == "files-token"


async def test_nobody_there(files: Files) -> None:
    status, reason, message = await said(files, api="http://127.0.0.1:9")
    assert (status, reason) == (503, "files-unreachable")
    assert message.startswith("The file service (http://127.0.0.1:9) does not answer. Try again in a minute")


async def test_somebody_else_there(files: Files) -> None:
    """A wrong files_api: another web server, which answers with a page of its own."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{other.server_port}"
            status, reason, message = await said(files, api=address)
        finally:
            other.shutdown()
    assert (status, reason) == (503, "files-unreachable")
    assert message == f"{address} answers 501 and is not the file service: correct files_api."


def test_the_secret_can_be_replaced(files: Files) -> None:
    before = files.token_file.read_text()
    files.token_file.write_text("another")
    try:
        assert files.call("PUT", "/internal/folders/alice", before).status_code == 403
        assert files.call("PUT", "/internal/folders/alice", "another").status_code == 200
        files.token_file.write_text("")
        answer = files.call("PUT", "/internal/folders/alice", " ")
        assert (answer.status_code, answer.json()["reason"]) == (503, "files-token")
    finally:
        files.token_file.write_text(before)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--root", "files", "--token-file", "t"], "must start with /", id="relative-root"),
        pytest.param(["--token-file", "t"], "--root", id="no-root"),
        pytest.param(
            ["--root", "/x", "--token-file", "t", "--listen", "0.0.0.0:1"], "every network", id="everywhere"
        ),
    ],
)
def test_a_wrong_command_line(arguments: list[str], says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "karvdash_hub.files", *arguments], text=True, capture_output=True, timeout=60
    )
    assert done.returncode == 2
    assert says in done.stderr


def test_what_it_imports() -> None:
    """It runs beside everybody's files, so it stays small."""
    script = "import sys, karvdash_hub.files.__main__; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, check=True)
    heavy = {"aiohttp", "jupyterhub", "kubernetes_asyncio", "kubespawner", "sqlalchemy", "traitlets", "yaml"}
    assert set(done.stdout.split()) & heavy == set()
