"""Folders on real file systems: made, repaired, set aside, removed, and every way in which that can fail."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from karvdash_hub.errors import KarvdashError
from karvdash_hub.files.tree import Tree

Mount = Callable[[str], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def tree(root: Path) -> Tree:
    root.mkdir()
    return Tree(root)


@pytest.fixture
def mount(root: Path) -> Iterator[Mount]:
    """Mount a tmpfs of its own at the root, with the given options; may be called again to change them."""

    def make(options: str) -> None:
        mounted = os.path.ismount(root)
        root.mkdir(exist_ok=True)
        how = [f"remount,{options}"] if mounted else [options]
        subprocess.run(["mount", "-t", "tmpfs", "-o", *how, "files", str(root)], check=True)

    yield make
    if os.path.ismount(root):
        subprocess.run(["umount", str(root)], check=True)


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


def said(action: Callable[[], object]) -> tuple[int, str, str]:
    with pytest.raises(KarvdashError) as caught:
        action()
    return caught.value.status, caught.value.reason, caught.value.message


def write_as(uid: int, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell with a usual umask as a user of a container would be: this id, and no other groups."""
    return subprocess.run(
        ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "sh", "-c", f"umask 022; {script}"],
        cwd=folder, text=True, capture_output=True,
    )  # fmt: skip


def test_folders_are_made_with_their_modes(tree: Tree, root: Path) -> None:
    assert tree.prepare("alice") == {"private": "private/alice", "shared": "shared"}
    assert {path: mode(root / path) for path in ("private", "private/alice", "shared")} == {
        "private": "0711",
        "private/alice": "0777",
        "shared": "0777",
    }


def test_making_them_again_changes_nothing(tree: Tree, root: Path) -> None:
    tree.prepare("alice")
    (root / "private/alice/a").write_text("kept")
    before = [(root / path).stat().st_ctime_ns for path in ("private", "private/alice", "shared")]
    tree.prepare("alice")
    assert [(root / path).stat().st_ctime_ns for path in ("private", "private/alice", "shared")] == before
    assert (root / "private/alice/a").read_text() == "kept"


def test_a_missing_folder_and_changed_modes_are_repaired(tree: Tree, root: Path) -> None:
    tree.prepare("alice")
    tree.prepare("bob")
    (root / "private/alice").rmdir()
    (root / "private/bob").chmod(0o700)
    os.removexattr(root / "private/bob", "system.posix_acl_default")
    (root / "private").chmod(0o777)
    (root / "shared").chmod(0o755)
    tree.prepare("alice")
    tree.prepare("bob")
    modes = [mode(root / path) for path in ("private", "private/alice", "private/bob", "shared")]
    assert modes == ["0711", "0777", "0777", "0777"]
    assert os.listxattr(root / "private/bob") == ["system.posix_acl_default"]


@pytest.mark.parametrize("first", [0, 1000, 12345])
@pytest.mark.parametrize("second", [0, 1000, 12345])
@pytest.mark.parametrize("where", ["private/alice", "shared"])
def test_every_user_id_changes_what_another_made(first: int, second: int, where: str, shallow: Path) -> None:
    folder = shallow / where
    made = write_as(first, "echo 1 > a && mkdir -p b/c && echo 1 > b/c/d && ln -s a l", folder)
    assert (made.returncode, made.stderr) == (0, "")
    changed = write_as(
        second, "echo 2 >> a && echo 2 >> b/c/d && echo 2 > b/c/e && mv a f && rm l && mkdir b/g", folder
    )
    assert (changed.returncode, changed.stderr) == (0, "")
    back = write_as(first, "echo 3 >> f && echo 3 >> b/c/e && rm -r b/g && cat f b/c/d b/c/e", folder)
    assert (back.returncode, back.stdout.split()) == (0, ["1", "2", "3", "1", "2", "2", "3"])
    subprocess.run(["rm", "-r", str(folder / "f"), str(folder / "b")], check=True)


@pytest.fixture
def shallow() -> Iterator[Path]:
    """A tree that any user id can reach; pytest's own folder is root's alone."""
    folder = Path(f"/run/karvdash-test-{os.getpid()}")
    folder.mkdir(mode=0o755)
    try:
        Tree(folder).prepare("alice")
        yield folder
    finally:
        subprocess.run(["rm", "-r", str(folder)], check=True)


def test_nobody_lists_whose_folders_there_are(shallow: Path) -> None:
    assert write_as(1000, "ls", shallow / "private").returncode != 0


def test_a_program_that_asks_for_less_gets_less(shallow: Path) -> None:
    """Copying a read-only file, unpacking with modes: documented in docs/explanation/files.md."""
    folder = shallow / "private/alice"
    assert write_as(1000, "echo 1 > a && chmod 600 a", folder).returncode == 0
    assert write_as(12345, "echo 2 >> a", folder).returncode != 0
    assert write_as(12345, "rm -f a && echo 2 > a", folder).returncode == 0


@pytest.mark.parametrize("where", ["private", "private/alice", "shared"])
@pytest.mark.parametrize("kind", ["link", "dangling", "file", "fifo"])
def test_what_is_no_folder_is_refused(tree: Tree, root: Path, tmp_path: Path, where: str, kind: str) -> None:
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o700)
    (root / where).parent.mkdir(exist_ok=True)
    if kind == "file":
        (root / where).write_text("")
    elif kind == "fifo":
        os.mkfifo(root / where)
    else:
        (root / where).symlink_to(target if kind == "link" else tmp_path / "nowhere")
    status, reason, message = said(lambda: tree.prepare("alice"))
    assert (status, reason) == (409, "files-link")
    assert message.startswith(f"{root / where} is not a folder but a file or a symbolic link")
    assert (mode(target), list(target.iterdir())) == ("0700", [])


@pytest.mark.parametrize("slug", ["", ".", "..", "a/b", "../x", ".deleted-x", "A", "a" * 64, "a\0b"])
def test_only_slugs_name_folders(tree: Tree, root: Path, slug: str) -> None:
    for action in (tree.prepare, tree.set_aside):
        assert said(lambda action=action: action(slug))[:2] == (400, "slug")
    assert list(root.iterdir()) == []


def test_a_missing_root_is_said(root: Path) -> None:
    status, reason, message = said(lambda: Tree(root).prepare("alice"))
    assert (status, reason) == (503, "files-missing")
    assert message.startswith(f"There is no folder {root} for all files: mount the file system")
    assert not root.exists()
    assert said(Tree(root).check)[1] == "files-missing"


def test_a_root_that_is_a_file_is_said(root: Path) -> None:
    root.write_text("")
    assert said(lambda: Tree(root).prepare("alice"))[1] == "files-missing"


def test_nothing_is_put_beneath_a_mount_that_is_missing(root: Path, mount: Mount) -> None:
    root.mkdir()
    tree = Tree(root, mounted=True)
    status, reason, message = said(lambda: tree.prepare("alice"))
    assert (status, reason, list(root.iterdir())) == (503, "files-missing", [])
    assert message == f"Nothing is mounted at {root}: mount the file system of all files."
    mount("size=1m")
    tree.prepare("alice")
    assert (root / "private/alice").is_dir()


def test_a_read_only_file_system_is_said(root: Path, mount: Mount) -> None:
    mount("size=1m")
    Tree(root).prepare("alice")
    mount("ro")
    Tree(root).prepare("alice")  # nothing to do: launches go on
    status, reason, message = said(lambda: Tree(root).prepare("bob"))
    assert (status, reason) == (503, "files-read-only")
    assert message == (
        f"The file system of {root}/private/bob is read-only: mount it so that it can be written."
    )
    assert said(Tree(root).check)[1] == "files-read-only"
    assert said(lambda: Tree(root).set_aside("alice"))[1] == "files-read-only"


def test_a_full_file_system_is_said(root: Path, mount: Mount) -> None:
    mount("nr_inodes=4")
    Tree(root).prepare("alice")
    Tree(root).prepare("alice")
    status, reason, message = said(lambda: Tree(root).prepare("bob"))
    assert (status, reason) == (507, "files-full")
    assert message.startswith(f"No space is left for {root}/private/bob: ")


def test_a_folder_is_set_aside_and_the_next_one_is_empty(tree: Tree, root: Path) -> None:
    tree.prepare("alice")
    (root / "private/alice/a").write_text("hers")
    kept = tree.set_aside("alice")
    assert kept is not None
    assert re.fullmatch(r"\.deleted-[0-9a-f]{32}-alice", kept)
    assert ((root / "private" / kept / "a").read_text(), mode(root / "private" / kept)) == ("hers", "0700")
    tree.prepare("alice")
    assert list((root / "private/alice").iterdir()) == []
    assert tree.set_aside("bob") is None


def test_setting_aside_when_there_was_never_a_folder(tree: Tree, root: Path) -> None:
    assert (tree.set_aside("alice"), tree.removed(), list(root.iterdir())) == (None, [], [])


def test_a_link_is_set_aside_itself(tree: Tree, root: Path, tmp_path: Path) -> None:
    (root / "private").mkdir()
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o755)
    (root / "private/alice").symlink_to(target)
    kept = tree.set_aside("alice")
    assert kept is not None
    assert ((root / "private" / kept).is_symlink(), mode(target)) == (True, "0755")
    tree.remove(kept)
    assert (target.is_dir(), tree.removed()) == (True, [])


def test_removed_folders_are_listed_and_deleted(tree: Tree, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    for slug in ("alice", "bob"):
        tree.prepare(slug)
        (root / "private" / slug / "link").symlink_to(outside)
        tree.set_aside(slug)
    assert sorted(one.slug for one in tree.removed()) == ["alice", "bob"]
    tree.remove(next(one.name for one in tree.removed() if one.slug == "alice"))
    assert [one.slug for one in tree.removed()] == ["bob"]
    assert (outside / "kept").exists()


@pytest.mark.parametrize("name", ["alice", "..", ".deleted-" + "0" * 32 + "-nobody", "../shared"])
def test_nothing_else_is_ever_deleted(tree: Tree, root: Path, name: str) -> None:
    tree.prepare("alice")
    assert said(lambda: tree.remove(name))[:2] == (404, "folder")
    assert (root / "private/alice").is_dir()
    assert (root / "shared").is_dir()
