"""A user swaps a folder for a link while the files process works in the tree (H9).

The links lead to a folder outside, which has to stay as it is: its mode, its attributes, and what is in it.
"""

from __future__ import annotations

import ctypes
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from karvdash_hub.errors import KarvdashError
from karvdash_hub.files.tree import Tree

#: Times that each step is taken while the swapping goes on.
TIMES = 300
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of renameat2(2)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Somebody else's folder."""
    folder = tmp_path / "outside"
    folder.mkdir(mode=0o750)
    (folder / "kept").write_text("theirs")
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "files").mkdir()
    return Tree(tmp_path / "files")


def state(folder: Path) -> tuple[str, list[str], list[str]]:
    """Mode, attributes and names."""
    mode = f"{stat.S_IMODE(folder.stat().st_mode):04o}"
    return mode, os.listxattr(folder), sorted(one.name for one in folder.iterdir())


@contextmanager
def swapped(place: Path, target: Path) -> Iterator[None]:
    """Exchange a folder for a link to ``target`` and back, as fast as the kernel can.

    Neither is ever missing, so that only whoever follows links sees a difference.
    """
    link = place.with_name(f"{place.name}.link")
    link.symlink_to(target)
    rename = ctypes.CDLL(None).renameat2
    swaps, stop = 0, threading.Event()

    def swap() -> None:
        nonlocal swaps
        while not stop.is_set():
            swaps += rename(_HERE, os.fsencode(place), _HERE, os.fsencode(link), _EXCHANGE) == 0

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        link.unlink() if link.is_symlink() else place.unlink()
    assert swaps > 0


def outcome(step: Callable[[], object]) -> str:
    """How a step went: "done", or why not."""
    try:
        step()
    except KarvdashError as error:
        return error.reason
    return "done"


@pytest.mark.parametrize("where", ["private/alice", "shared"])
def test_folders_are_repaired_and_links_are_not_followed(tree: Tree, outside: Path, where: str) -> None:
    tree.prepare("alice")
    before, own = state(outside), os.open(tree.root / where, os.O_RDONLY)

    def spoil_and_repair() -> None:
        os.fchmod(own, 0o700)
        with suppress(OSError):
            os.removexattr(own, "system.posix_acl_default")
        tree.prepare("alice")

    with swapped(tree.root / where, outside):
        seen = {outcome(spoil_and_repair) for _ in range(TIMES)}
    os.close(own)
    assert seen == {"done", "files-link"}
    assert state(outside) == before


def test_what_is_deleted_for_good_is_what_was_set_aside(tree: Tree, outside: Path) -> None:
    """Whoever still has the folder mounted can write in it while it is deleted."""
    before = state(outside)
    for _ in range(TIMES // 10):
        tree.prepare("alice")
        inside = tree.root / "private/alice/a"
        inside.mkdir()
        for number in range(20):
            (inside / str(number)).touch()
        kept = tree.set_aside("alice")
        assert kept is not None
        with suppress(FileNotFoundError), swapped(tree.root / "private" / kept / "a", outside):
            outcome(lambda kept=kept: tree.remove(kept))
        outcome(lambda kept=kept: tree.remove(kept))
    assert state(outside) == before
    assert tree.removed() == []
