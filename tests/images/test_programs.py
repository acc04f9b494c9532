"""The programs inside our own images, run on this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

from images.recipe import load
from images.tools import go, run
from tests.images.conftest import free_port, wait_for

Start = Callable[..., tuple[str, subprocess.Popen[bytes]]]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with pause and hello-kubernetes."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("pause", "hello-kubernetes"):
        build = ("build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", folder / name, ".")
        run(
            [go(), *build], what=name, cwd=load(name).folder, env={"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
        )
    return folder


@pytest.fixture
def start(programs: Path) -> Iterator[Start]:
    """Start hello-kubernetes with an environment; return its address when it answers."""
    started: list[subprocess.Popen[bytes]] = []

    def _start(**environment: str) -> tuple[str, subprocess.Popen[bytes]]:
        port = free_port()
        process = subprocess.Popen([programs / "hello-kubernetes"], env={"PORT": str(port), **environment})
        started.append(process)
        wait_for(f"http://127.0.0.1:{port}/healthz", process)
        return f"http://127.0.0.1:{port}", process

    yield _start
    for process in started:
        process.kill()
        process.wait(10)


class Page(HTMLParser):
    """Text of a page by the element that holds it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip() and self._open[-1] != "style":
            self.texts.append((self._open[-1], data))


def test_the_page_shows_the_message_and_the_place(start: Start) -> None:
    url, _ = start(
        MESSAGE="I just deployed this on Kubernetes!",
        KUBERNETES_POD_NAME="hello-0",
        KUBERNETES_NAMESPACE="karvdash-alice",
        KUBERNETES_NODE_NAME="node-1",
    )
    answer = requests.get(url, timeout=5)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert Page(answer.text).texts == [
        ("title", "I just deployed this on Kubernetes!"),
        ("h1", "I just deployed this on Kubernetes!"),
        ("dt", "Pod"),
        ("dd", "hello-0"),
        ("dt", "Namespace"),
        ("dd", "karvdash-alice"),
        ("dt", "Node"),
        ("dd", "node-1"),
    ]


def test_what_is_not_known_is_left_out(start: Start) -> None:
    url, _ = start()
    texts = Page(requests.get(url, timeout=5).text).texts
    assert texts[1:] == [("h1", "Hello world!"), ("dt", "Pod"), ("dd", socket.gethostname())]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("<script>alert(1)</script>", id="element"),
        pytest.param("</title><img src=x onerror=alert(1)>", id="end-of-title"),
        pytest.param("\"'&amp;{{.Pod}}", id="quotes-entities-braces"),
        pytest.param("two\nlines", id="lines"),
        pytest.param("γειά σου Κόσμε", id="greek"),
    ],
)
def test_a_message_is_text_whatever_it_holds(start: Start, message: str) -> None:
    url, _ = start(MESSAGE=message)
    answer = requests.get(url, timeout=5)
    assert Page(answer.text).texts[:2] == [("title", message), ("h1", message)]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_headers_tells_what_arrived(start: Start) -> None:
    url, _ = start()
    answer = requests.post(f"{url}/headers/a%2Fb?x=1", headers={"X-One": "1", "Host": "h.example"}, timeout=5)
    seen = answer.json()
    assert (seen["method"], seen["uri"], seen["host"]) == ("POST", "/headers/a%2Fb?x=1", "h.example")
    assert seen["headers"]["X-One"] == ["1"]
    assert seen["peer"].startswith("127.0.0.1:")


def test_healthz_and_unknown_paths(start: Start) -> None:
    url, _ = start()
    assert requests.get(f"{url}/healthz", timeout=5).text == "ok\n"
    assert requests.get(f"{url}/nothing", timeout=5).status_code == 404


def test_a_connection_serves_many_requests(start: Start) -> None:
    url, _ = start()
    with requests.Session() as session:
        peers = {session.get(f"{url}/headers", timeout=5).json()["peer"] for _ in range(5)}
    assert len(peers) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_even_with_connections_open(start: Start, number: signal.Signals) -> None:
    url, process = start()
    with (
        requests.Session() as idle,
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as half,
    ):
        idle.get(url, timeout=5)
        half.send(b"GET / HTTP/1.1\r\nHost: x\r\n")  # a request that never comes to its end
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(5) == 0
        assert time.monotonic() - began < 1


def test_a_port_that_is_taken_is_named(start: Start, programs: Path) -> None:
    url, _ = start()
    port = url.rpartition(":")[2]
    done = subprocess.run([programs / "hello-kubernetes"], env={"PORT": port}, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"cannot listen on :{port} (set PORT to a free port)" in done.stderr


def test_pause_waits_collects_orphans_and_ends(programs: Path) -> None:
    # As process 1 of a process namespace of its own, with a child whose parent ends before it.
    script = 'sleep 0.2 & sleep 0.1 & exec "$0"'
    process = subprocess.Popen(["unshare", "--pid", "--fork", "sh", "-c", script, programs / "pause"])
    try:
        pause = wait_for_children(process.pid)
        end = time.monotonic() + 5
        while children(pause):
            assert time.monotonic() < end, "pause left its ended children uncollected"
            time.sleep(0.02)
        os.kill(pause, signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait(10)


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def wait_for_children(pid: int) -> int:
    end = time.monotonic() + 5
    while not (found := children(pid)) or Path(f"/proc/{found[0]}/comm").read_text() != "pause\n":
        assert time.monotonic() < end, "pause did not start"
        time.sleep(0.02)
    return found[0]
