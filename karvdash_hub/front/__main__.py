"""Run the front: ``python -m karvdash_hub.front --help``."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from karvdash_hub.errors import KarvdashError
from karvdash_hub.front import nginx
from karvdash_hub.front.config import render
from karvdash_hub.front.settings import Settings, parse


def write(settings: Settings, found: nginx.Nginx) -> Path:
    """Write nginx.conf and let nginx read it; returns its path.

    Raises: KarvdashError if nginx refuses it, OSError if it cannot be written.
    """
    settings.folder.mkdir(parents=True, exist_ok=True)
    (settings.folder / "tmp").mkdir(exist_ok=True)
    config = settings.folder / "nginx.conf"
    config.write_text(render(settings, found))
    nginx.check(found, config)
    return config


def main(argv: Sequence[str] | None = None) -> int:
    """Write the configuration and become nginx; returns the exit status if there is nothing to run."""
    settings, write_only = parse(argv)
    try:
        found = nginx.find()
        config = write(settings, found)
    except (KarvdashError, OSError) as error:
        sys.stderr.write(f"The front cannot start: {error}\n")
        return 1
    if write_only:
        return 0
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.execv(found.program, nginx.command(found, config))  # noqa: S606 - no shell is what we mean


if __name__ == "__main__":
    sys.exit(main())
