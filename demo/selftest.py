"""``karvdash-hub selftest`` beside the demonstration: the admin page says what this cluster does not keep."""

from __future__ import annotations

import sys

from demo.parts import ROOT, environment
from demo.processes import Process
from demo.stack import Stack


def _process(stack: Stack) -> Process:
    return Process("selftest", run=stack.state / "run", log=stack.state / "log")


def command() -> list[str]:
    """The command line, for the settings of the demonstration."""
    config = str(ROOT / "jupyterhub_config.py")
    return [sys.executable, "-m", "karvdash_hub.cli", "selftest", "--config", config]


def start_selftest(stack: Stack) -> None:
    """Begin it; nobody waits for it. What it says is in ``log/selftest.log``."""
    _process(stack).start(command(), env=environment(stack, "hub"), cwd=stack.hub_dir)


def stop_selftest(stack: Stack) -> None:
    """End it if it still runs."""
    _process(stack).stop()
