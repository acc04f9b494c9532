"""``files``: a files process of its own, with a tree in a temporary folder."""

from __future__ import annotations

import secrets
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from demo.processes import Process


@dataclass
class Files:
    """A running files process."""

    url: str
    root: Path
    token_file: Path
    process: Process

    def call(self, method: str, path: str, token: str | None = None) -> requests.Response:
        """One request, with the secret unless another one is given ("" sends none)."""
        token = self.token_file.read_text() if token is None else token
        headers = {"Authorization": f"token {token}"} if token else {}
        return requests.request(method, f"{self.url}{path}", headers=headers, timeout=30)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    folder = tmp_path_factory.mktemp("process")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    token_file, root = folder / "token", folder / "root"
    token_file.write_text(secrets.token_hex(16))
    root.mkdir()
    process = Process("files", run=folder, log=folder)
    command = ["--listen", address, "--root", str(root), "--token-file", str(token_file)]
    process.start(
        [sys.executable, "-m", "karvdash_hub.files", *command], env={"PYTHONUNBUFFERED": "1"}, cwd=folder
    )
    running = Files(f"http://{address}", root, token_file, process)
    try:
        wait_until_it_listens(running)
        yield running
    finally:
        process.stop()


def wait_until_it_listens(running: Files, seconds: float = 20) -> None:
    """Wait until the process answers; fail with its last lines."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            assert running.call("GET", "/health").ok
            return
        except requests.ConnectionError:
            assert time.monotonic() < deadline, running.process.last_lines()
            time.sleep(0.05)
