"""What each kind of layer consists of: a recipe's layer becomes entries."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from pathlib import Path

from . import rootfs, wheels
from .errors import ImageError
from .layer import Entry, tree
from .recipe import (
    BusyboxLayer,
    DebianLayer,
    FilesLayer,
    GoLayer,
    Layer,
    ProgramLayer,
    Recipe,
    WheelsLayer,
)
from .tools import go, run

Progress = Callable[[str], None]


@dataclass
class Stage:
    """The work on one image: where it happens, and what its layers tell one another."""

    recipe: Recipe
    scratch: Path
    programs: Mapping[str, Path]
    progress: Progress
    versions: dict[str, str] = field(default_factory=dict)
    rootfs: Path | None = None

    def say(self, what: str) -> None:
        self.progress(f"{self.recipe.name}: {what}")

    def folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.scratch))


@singledispatch
def entries_of(layer: Layer, stage: Stage) -> Iterable[Entry]:
    """Make a layer's content below ``stage.scratch`` and return its entries."""
    raise NotImplementedError(type(layer).__name__)


@entries_of.register
def _(layer: GoLayer, stage: Stage) -> Iterable[Entry]:
    stage.say("compiling")
    program = stage.folder() / "program"
    run(
        [go(), "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "."],
        what=f"{stage.recipe.name}: compiling",
        cwd=stage.recipe.folder,
        env={"CGO_ENABLED": "0", "GOWORK": "off", "GOTOOLCHAIN": "local"},
    )
    return [Entry(layer.to.lstrip("/"), program, mode=0o755)]


@entries_of.register
def _(layer: BusyboxLayer, stage: Stage) -> Iterable[Entry]:
    stage.say("unpacking busybox")
    root = stage.folder() / "root"
    what = f"{stage.recipe.name}: busybox"
    stage.versions.update(rootfs.unpack(["busybox-static"], root, stage.folder(), what))
    program = next(root.glob("**/bin/busybox"))
    names = run([program, "--list"], what=what, cwd=stage.scratch).split()
    return [
        Entry("bin", link="usr/bin"),
        Entry("tmp", mode=0o1777),
        Entry("usr"),
        Entry("usr/bin"),
        Entry("usr/bin/busybox", program, mode=0o755),
        *(Entry(f"usr/bin/{name}", link="busybox") for name in names if name != "busybox"),
    ]


@entries_of.register
def _(layer: DebianLayer, stage: Stage) -> Iterable[Entry]:
    stage.say(f"unpacking {', '.join(layer.packages)} and what they need")
    stage.rootfs = stage.folder() / "root"
    what = f"{stage.recipe.name}: packages"
    stage.versions.update(rootfs.unpack(layer.packages, stage.rootfs, stage.folder(), what))
    rootfs.strip(stage.rootfs, layer.programs, layer.remove)
    if (stage.rootfs / "usr/bin/python3").exists():
        wheels.compile_sources(["/usr/lib"], stage.rootfs, what)
    return rootfs.entries(stage.rootfs)


@entries_of.register
def _(layer: WheelsLayer, stage: Stage) -> Iterable[Entry]:
    stage.say("installing Python packages")
    if stage.rootfs is None:
        raise ImageError(f"{stage.recipe.name}: a layer of wheels needs a Debian layer with python3 below it")
    requirements = stage.recipe.folder / layer.requirements
    stage.versions.update(wheels.pinned(requirements.read_text(encoding="utf-8")))
    what = f"{stage.recipe.name}: wheels"
    environment = wheels.install(requirements, layer.to, stage.rootfs, what)
    rootfs.remove(environment, layer.remove)
    wheels.compile_sources([layer.to], stage.rootfs, what)
    owner = _owner(layer.owner)
    return [Entry(layer.to.lstrip("/"), owner=owner), *_plain(tree(environment, layer.to.lstrip("/"), owner))]


@entries_of.register
def _(layer: ProgramLayer, stage: Stage) -> Iterable[Entry]:
    return [Entry(layer.to.lstrip("/"), stage.programs[layer.name], mode=0o755)]


@entries_of.register
def _(layer: FilesLayer, stage: Stage) -> Iterable[Entry]:
    found = list(_plain(tree(stage.recipe.folder / layer.source))) if layer.source else []
    for path, text in (layer.directories or {}).items():
        mode, owner = text.split()
        found.append(Entry(path.lstrip("/"), mode=int(mode, 8), owner=_owner(owner)))
    return found


def _plain(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Give files and folders the modes that Git keeps; others depend on the umask of who built."""
    for entry in entries:
        mode = entry.source.lstat().st_mode if entry.source else stat.S_IFLNK
        if stat.S_ISLNK(mode):
            yield entry
        else:
            yield replace(entry, mode=0o755 if stat.S_ISDIR(mode) or mode & 0o100 else 0o644)


def _owner(text: str) -> tuple[int, int]:
    uid, gid = text.split(":")
    return int(uid), int(gid)
