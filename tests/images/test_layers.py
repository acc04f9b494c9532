"""Layers are archives that depend on nothing but their content."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from images.layer import Blob, Entry, tree, write_layer
from images.oci import EPOCH
from images.recipe import FilesLayer, Recipe, load
from images.rootfs import strip
from images.stage import Stage, entries_of


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "motd").write_text("hello")
    os.link(folder / "etc" / "motd", folder / "etc" / "same")
    (folder / "program").write_text("x")
    (folder / "program").chmod(0o755)
    (folder / "link").symlink_to("etc/motd")
    os.mkfifo(folder / "pipe")
    return folder


def members(blobs: Path, blob: Blob) -> dict[str, tarfile.TarInfo]:
    data = (blobs / blob.descriptor.digest.removeprefix("sha256:")).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
        return {member.name: member for member in archive}


def test_an_archive_holds_files_folders_and_links_sorted_and_no_pipes(tmp_path: Path, source: Path) -> None:
    found = members(tmp_path, write_layer(tree(source), tmp_path))
    assert list(found) == ["etc", "etc/motd", "etc/same", "link", "program"]
    assert (found["etc/same"].islnk(), found["etc/same"].linkname) == (True, "etc/motd")
    assert (found["link"].issym(), found["link"].linkname) == (True, "etc/motd")
    assert {member.mtime for member in found.values()} == {EPOCH}
    assert {(member.uid, member.gid, member.uname) for member in found.values()} == {(0, 0, "")}
    assert found["program"].mode == 0o755


def test_digests_are_those_of_the_bytes(tmp_path: Path, source: Path) -> None:
    blob = write_layer(tree(source), tmp_path)
    data = (tmp_path / blob.descriptor.digest.removeprefix("sha256:")).read_bytes()
    assert blob.descriptor.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert blob.descriptor.size == len(data)
    assert blob.diff_id == "sha256:" + hashlib.sha256(gzip.decompress(data)).hexdigest()


def test_time_of_files_and_order_of_entries_change_nothing(tmp_path: Path, source: Path) -> None:
    first = write_layer(tree(source), tmp_path)
    for path in source.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    assert write_layer(reversed(list(tree(source))), tmp_path) == first


def test_content_changes_the_digest(tmp_path: Path, source: Path) -> None:
    first = write_layer(tree(source), tmp_path)
    (source / "program").write_text("y")
    assert write_layer(tree(source), tmp_path) != first


def test_made_up_entries_and_a_later_entry_for_one_path(tmp_path: Path, source: Path) -> None:
    entries = [
        Entry("bin", link="usr/bin"),
        Entry("tmp", mode=0o1777),
        Entry("data", owner=(999, 998)),
        Entry("p", source / "etc" / "motd"),
        Entry("p", source / "program", mode=0o500),
    ]
    found = members(tmp_path, write_layer(entries, tmp_path))
    assert (found["bin"].issym(), found["bin"].linkname) == (True, "usr/bin")
    assert (found["tmp"].isdir(), found["tmp"].mode) == (True, 0o1777)
    assert (found["data"].uid, found["data"].gid, found["data"].mode) == (999, 998, 0o755)
    assert (found["p"].size, found["p"].mode) == (1, 0o500)


def test_files_of_a_recipe_have_the_modes_that_git_keeps(tmp_path: Path, source: Path) -> None:
    (source / "pipe").unlink()
    (source / "etc" / "motd").chmod(0o600)
    (source / "etc").chmod(0o700)
    recipe = Recipe("x", tmp_path, "", (), (), load("pause").process)
    layer = FilesLayer(source="source", directories={"/data": "0777 999:998"})
    found = members(tmp_path, write_layer(entries_of(layer, Stage(recipe, tmp_path, {}, print)), tmp_path))
    assert {name: member.mode for name, member in found.items() if not member.issym()} == {
        "data": 0o777,
        "etc": 0o755,
        "etc/motd": 0o644,
        "etc/same": 0o644,
        "program": 0o755,
    }
    assert (found["data"].uid, found["data"].gid) == (999, 998)


def test_stripping_keeps_licences_and_takes_the_right_to_become_root(tmp_path: Path) -> None:
    for name in ("usr/share/doc/x/copyright", "usr/share/doc/x/README", "usr/share/man/x.1", "etc/apt/y"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "usr/bin").mkdir()
    for name in ("redis-cli", "passwd"):
        (tmp_path / "usr/bin" / name).write_text("")
        (tmp_path / "usr/bin" / name).chmod(0o4755)
    strip(tmp_path, ("redis-*",), ["etc/no*such"])
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["usr/bin/redis-cli", "usr/share/doc/x/copyright"]
    assert (tmp_path / "usr/bin/redis-cli").stat().st_mode & 0o7777 == 0o755
