"""The Hub as a process that may be stopped, killed and started with other settings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.stack import Stack


class HubProcess:
    """The Hub of the stack; the other parts go on."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._config = stack.extra_config
        self._folder = folder
        self._process = stack.processes["hub"]
        self._usual = True

    def start(self, *settings: str) -> None:
        """Start it, with lines of Python added to its configuration, and wait until it answers."""
        assert self._config is not None
        config = self._folder / "hub_config.py"
        config.write_text("\n".join([self._config.read_text(), *settings]))
        self._stack.extra_config = config
        self._usual = not settings
        try:
            self._stack.start_parts(("hub",))
        finally:
            self._stack.extra_config = self._config
        self._stack.wait_for(f"{self._stack.hub_url}/hub/health", "hub")

    def stop(self) -> None:
        """Stop it as an administrator would."""
        self._usual = False
        self._process.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self._usual = False
        self._process.kill()

    def restart(self, *settings: str) -> None:
        """Stop and start it."""
        self.stop()
        self.start(*settings)

    def as_usual(self) -> None:
        """Let it run with its usual settings, for whoever comes next."""
        if not self._usual:
            self.restart()

    def log(self, since: int = 0) -> str:
        """What it has logged, from this character on."""
        return self._process.log_file.read_text(errors="replace")[since:]

    def wait_for_log(self, words: str, since: int, seconds: float = 30) -> None:
        """Wait until it has logged these words."""
        deadline = time.monotonic() + seconds
        while words not in self.log(since):
            assert time.monotonic() < deadline, f"{words!r} was not logged:\n{self._process.last_lines(40)}"
            time.sleep(0.02)


@pytest.fixture
def hub(stack: Stack, tmp_path: Path) -> Iterator[HubProcess]:
    """The Hub's process; after the test it runs with its usual settings again."""
    process = HubProcess(stack, tmp_path)
    yield process
    process.as_usual()
