"""Recipes: ``<image>/recipe.toml`` becomes a checked :class:`Recipe`.

A recipe names the image's tags, its layers from the lowest up, and its process::

    summary = "What the image is for."
    tags = ["library/redis:{version}", "library/redis:7"]
    stand_in_for = ["library/redis:6.0.8"]   # published names that existing templates ask for
    version_from = "redis-server"            # package that fills {version}, {minor}, {major}

    [[layers]]
    kind = "debian"                          # see the classes below for each kind's keys
    packages = ["redis-server"]

    [process]
    entrypoint = ["/usr/bin/redis-server"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from .errors import ImageError
from .oci import Process

RECIPES = Path(__file__).parent


@dataclass(frozen=True)
class GoLayer:
    """One static program, built from the Go package in the recipe's folder."""

    kind: ClassVar[str] = "go"
    to: str


@dataclass(frozen=True)
class BusyboxLayer:
    """Debian's busybox-static at /usr/bin with a link for each of its commands."""

    kind: ClassVar[str] = "busybox"


@dataclass(frozen=True)
class DebianLayer:
    """Files of Debian (or Ubuntu) packages and of all they depend on; no installation scripts run.

    ``programs`` are the names (glob patterns) of the programs that stay, all without it; ``remove``
    are patterns of other files to leave out, from the root of the image, without a leading slash.
    """

    kind: ClassVar[str] = "debian"
    packages: tuple[str, ...]
    programs: tuple[str, ...] = ("*",)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class WheelsLayer:
    """A Python environment at ``to`` with the wheels that ``requirements`` pins.

    Needs a Debian layer with python3 below it. ``owner`` is ``uid:gid``.
    """

    kind: ClassVar[str] = "wheels"
    requirements: str
    to: str
    owner: str = "0:0"
    remove: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProgramLayer:
    """A program that is built elsewhere in the project, such as the embedded cluster's kubectl."""

    kind: ClassVar[str] = "program"
    name: str
    to: str


@dataclass(frozen=True)
class FilesLayer:
    """The recipe's folder ``source``, laid over the root of the image.

    ``directories`` are made with these modes (octal) and owners: ``{"/data": "0755 999:999"}``.
    """

    kind: ClassVar[str] = "files"
    source: str = ""
    directories: Mapping[str, str] | None = None


Layer = GoLayer | BusyboxLayer | DebianLayer | WheelsLayer | ProgramLayer | FilesLayer
KINDS: dict[str, type[Layer]] = {
    kind.kind: kind for kind in (GoLayer, BusyboxLayer, DebianLayer, WheelsLayer, ProgramLayer, FilesLayer)
}


@dataclass(frozen=True)
class Recipe:
    """One image; ``folder`` holds the recipe and everything it is made of."""

    name: str
    folder: Path
    summary: str
    tags: tuple[str, ...]
    layers: tuple[Layer, ...]
    process: Process
    stand_in_for: tuple[str, ...] = ()
    version_from: str = ""

    def references(self, version: str) -> tuple[str, ...]:
        """Return every ``repository:tag`` of the image, own names first, none twice.

        ``version`` is upstream's (``1.22.1``); the placeholders are ``{version}``, ``{minor}`` (1.22)
        and ``{major}`` (1).
        """
        parts = version.split(".")
        values = {"version": version, "minor": ".".join(parts[:2]), "major": parts[0]}
        return tuple(dict.fromkeys(tag.format(**values) for tag in (*self.tags, *self.stand_in_for)))


def recipe_names() -> tuple[str, ...]:
    """Return the names of all recipes, sorted."""
    return tuple(sorted(path.parent.name for path in RECIPES.glob("*/recipe.toml")))


def load(name: str, recipes: Path = RECIPES) -> Recipe:
    """Read ``<recipes>/<name>/recipe.toml``.

    Raises ImageError with every mistake in the file, each with its field.
    """
    folder = recipes / name
    path = folder / "recipe.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(found.parent.name for found in recipes.glob("*/recipe.toml")))
        raise ImageError(f"There is no image called {name!r}. The images are: {known}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ImageError(f"{path}: not TOML: {error}") from error
    problems: list[str] = []
    layers = tuple(
        _layer(item, f"layers[{at}]", problems) for at, item in enumerate(document.get("layers", []))
    )
    process = _fill(Process, document.get("process", {}), "process", problems)
    rest = {key: value for key, value in document.items() if key not in ("layers", "process")}
    recipe: Recipe | None = _fill(
        Recipe, {**rest, "name": name, "folder": folder, "layers": layers, "process": process}, "", problems
    )
    if problems or recipe is None:
        raise ImageError(f"{path} has mistakes:\n" + "\n".join(f"  {problem}" for problem in problems))
    return recipe


def _layer(item: dict[str, Any], where: str, problems: list[str]) -> Any:
    kind = KINDS.get(item.get("kind", ""))
    if kind is None:
        problems.append(f"{where}.kind: {item.get('kind')!r} is not one of {', '.join(KINDS)}")
        return None
    return _fill(kind, {key: value for key, value in item.items() if key != "kind"}, where, problems)


def _fill(kind: type[Any], values: dict[str, Any], where: str, problems: list[str]) -> Any:
    """Make a ``kind`` of ``values``, lists as tuples; add mistakes to ``problems`` and then return None."""
    before = len(problems)
    prefix = f"{where}." if where else ""
    known = {item.name: item for item in fields(kind)}
    problems += [f"{prefix}{key}: no such field" for key in values if key not in known]
    problems += [
        f"{prefix}{key}: missing"
        for key, item in known.items()
        if key not in values and item.default is MISSING and item.default_factory is MISSING
    ]
    problems += [
        f"{prefix}{key}: must be a list"
        for key, item in known.items()
        if str(item.type).startswith("tuple") and not isinstance(values.get(key, ()), list | tuple)
    ]
    if len(problems) > before:
        return None
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
