"""Build images into a cache of OCI image layouts, once for each state of their recipe."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import layout
from .errors import ImageError
from .recipe import BusyboxLayer, DebianLayer, GoLayer, ProgramLayer, Recipe, load, recipe_names
from .stage import Progress, Stage, entries_of
from .tools import architecture, go, run

# Raise it when the code of this package makes other images of the same recipes.
FORMAT = 1
# Two builds at a time: each is one process that mostly waits for downloads or compresses.
PARALLEL = 2
# Older states of a recipe stay for other clones of the project; more of them only fill the disk.
KEPT = 2


@dataclass(frozen=True)
class Image:
    """A built image: ``folder`` is its OCI image layout, whose index holds every ``repository:tag``."""

    name: str
    folder: Path

    @property
    def references(self) -> tuple[str, ...]:
        return layout.references(self.folder)

    @property
    def size(self) -> int:
        """Bytes of all blobs, compressed."""
        return layout.size(self.folder)


def cache_folder() -> Path:
    """Return where built images are kept: ``$XDG_CACHE_HOME/karvdash-hub/images``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "karvdash-hub", "images")


def inputs_digest(recipe: Recipe, programs: Mapping[str, Path]) -> str:
    """Return 16 hexadecimal digits that change with anything the image is made of.

    Packages count by the distribution's release, not by their versions: ``build --fresh`` takes
    updates in.
    """
    inputs: dict[str, object] = {"format": FORMAT, "architecture": architecture()}
    for path in sorted(recipe.folder.rglob("*")):
        if path.is_file():
            executable = bool(path.stat().st_mode & 0o100)
            inputs[str(path.relative_to(recipe.folder))] = [_sha256(path), executable]
    for layer in recipe.layers:
        if isinstance(layer, GoLayer):
            inputs["go"] = run([go(), "version"], what="go", cwd=recipe.folder)
        elif isinstance(layer, BusyboxLayer | DebianLayer):
            release = platform.freedesktop_os_release()
            inputs["distribution"] = [release.get("ID"), release.get("VERSION_ID")]
        elif isinstance(layer, ProgramLayer):
            inputs[f"program {layer.name}"] = _sha256(_program(recipe, layer.name, programs))
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def _program(recipe: Recipe, name: str, programs: Mapping[str, Path]) -> Path:
    path = programs.get(name)
    if path is None or not path.is_file():
        where = f"{path} does not exist" if path else "no path was given"
        raise ImageError(f"{recipe.name}: needs the program {name}, and {where}. `make cluster` builds it.")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def place_of(recipe: Recipe, programs: Mapping[str, Path]) -> Path:
    """Return the folder of the image that the recipe describes now, built or not."""
    return cache_folder() / f"{recipe.name}-{inputs_digest(recipe, programs)}.oci"


def build(
    name: str, *, programs: Mapping[str, Path] | None = None, fresh: bool = False, progress: Progress = print
) -> Image:
    """Return the image ``name``, built if the cache does not hold it.

    ``programs`` are paths of programs built elsewhere, by name (jupyter needs ``kubectl``);
    ``fresh`` builds again, with the packages of today. Raises ImageError.
    """
    recipe = load(name)
    place = place_of(recipe, programs or {})
    if place.is_dir() and not fresh:
        return Image(name, place)
    before = time.time()
    with _lock(place.parent / f"{name}.lock"):
        # Whoever held the lock may have built it, fresh enough for us too.
        if place.is_dir() and (not fresh or place.stat().st_mtime > before):
            return Image(name, place)
        _build(recipe, place, programs or {}, progress)
        _prune(place)
    image = Image(name, place)
    progress(f"{name}: built in {time.time() - before:.0f} s, {image.size / 1e6:.1f} MB")
    return image


def _build(recipe: Recipe, place: Path, programs: Mapping[str, Path], progress: Progress) -> None:
    for left in place.parent.glob(f".{recipe.name}-*"):  # of a build that was killed: we hold the lock
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f".{recipe.name}-", dir=place.parent) as scratch:
        stage = Stage(recipe, Path(scratch, "work"), programs, progress)
        stage.scratch.mkdir()
        made = Path(scratch, "image")
        layout.write(
            made,
            process=recipe.process,
            architecture=architecture(),
            layers=(entries_of(layer, stage) for layer in recipe.layers),
            references=lambda: recipe.references(stage.versions.get(recipe.version_from, "")),
            summary=recipe.summary,
        )
        if place.exists():
            place.rename(Path(scratch, "replaced"))
        made.rename(place)


def _prune(place: Path) -> None:
    name = place.name.rpartition("-")[0]
    states = sorted(place.parent.glob(f"{name}-*.oci"), key=lambda path: path.stat().st_mtime)
    for old in [path for path in states if path != place][: -(KEPT - 1)]:
        if old.name.rpartition("-")[0] == name:
            shutil.rmtree(old)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock of one image against other processes; the kernel frees it if we are killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_all(
    names: Iterable[str] | None = None,
    *,
    programs: Mapping[str, Path] | None = None,
    fresh: bool = False,
    progress: Progress = print,
) -> list[Image]:
    """Build images, two at a time; all of them without ``names``. Raises ImageError with every failure."""
    wanted = list(names) if names is not None else list(recipe_names())
    images: list[Image] = []
    failures: list[str] = []
    with ThreadPoolExecutor(PARALLEL) as pool:
        jobs = [
            pool.submit(build, name, programs=programs, fresh=fresh, progress=progress) for name in wanted
        ]
        for job in jobs:
            try:
                images.append(job.result())
            except ImageError as error:
                failures.append(str(error))
    if failures:
        raise ImageError("\n".join(failures))
    return images
