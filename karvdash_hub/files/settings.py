"""What the files process is told on its command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from karvdash_hub.listening import listen_address


@dataclass(frozen=True)
class Settings:
    """Everything the files process has to know.

    Attributes:
        address, port: where to listen.
        root: of all files, as this process sees it.
        mounted: the root has to be a mount point.
        token_file: the secret that the Hub shows.
    """

    address: str
    port: int
    root: Path
    mounted: bool
    token_file: Path


def parse(argv: Sequence[str] | None = None) -> Settings:
    """Read the command line; ends the process with a sentence when something is wrong with it."""
    parser = argparse.ArgumentParser(
        prog="python -m karvdash_hub.files", description="Make and keep the folders of users' files."
    )
    parser.add_argument(
        "--listen", metavar="ADDRESS:PORT", default="127.0.0.1:8004", type=listen_address,
        help="where the Hub reaches it; default: %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--root", metavar="FOLDER", required=True, type=Path, help="the tree of all files: files_url, mounted"
    )
    parser.add_argument(
        "--mounted",
        action="store_true",
        help="the root has to be a mount point; do nothing as long as nothing is mounted there",
    )
    parser.add_argument(
        "--token-file", metavar="FILE", required=True, type=Path, help="the secret shared with the Hub"
    )
    given = parser.parse_args(argv)
    if not given.root.is_absolute():
        parser.error(f"--root {given.root} must start with /")
    address, port = given.listen
    return Settings(address, port, given.root, given.mounted, given.token_file)
