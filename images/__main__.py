"""``python -m images build|push|list|pin``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from cluster import ClusterError
from cluster.binaries import find

from . import ImageError, build_all, push_all, recipe_names
from .build import Image, place_of
from .recipe import load
from .rootfs import unpack
from .wheels import pinned, python_version, resolve

PROGRAMS = click.option(
    "--kubectl",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The kubectl for the jupyter image (default: the one that `make cluster` built).",
)
NAMES = click.argument("names", nargs=-1)


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@NAMES
@PROGRAMS
@click.option("--fresh", is_flag=True, help="Build again, with the packages of today.")
def build(names: tuple[str, ...], kubectl: Path | None, fresh: bool) -> None:
    """Build images into the cache (all, or those named) and print where they are."""
    for image in build_all(names or None, programs=_programs(kubectl), fresh=fresh):
        print(f"{image.name}: {image.folder}")


@main.command()
@NAMES
@PROGRAMS
@click.option("--registry", required=True, metavar="HOST:PORT", help="A registry that speaks plain HTTP.")
def push(names: tuple[str, ...], kubectl: Path | None, registry: str) -> None:
    """Build what is missing and push images under all their tags (all, or those named)."""
    images = push_all(registry, names or None, programs=_programs(kubectl))
    print(f"{registry} has {', '.join(image.name for image in images)}.")


@main.command("list")
@PROGRAMS
def list_images(kubectl: Path | None) -> None:
    """List the images, whether they are built, and their tags."""
    for name in recipe_names():
        recipe = load(name)
        print(f"{name}: {recipe.summary}")
        try:
            place = place_of(recipe, _programs(kubectl))
        except ImageError as error:
            print(f"    not built: {error}")
            continue
        if not place.is_dir():
            print("    not built")
            continue
        image = Image(name, place)
        print(f"    {image.size / 1e6:.1f} MB in {place}")
        for reference in image.references:
            print(f"    {reference}")


@main.command()
@click.argument("name")
def pin(name: str) -> None:
    """Write an image's requirements.txt anew from its requirements.in.

    The versions are the newest that the Python of this machine's distribution takes; commit them from
    the oldest distribution that is supported.
    """
    recipe = load(name)
    with tempfile.TemporaryDirectory() as scratch:
        rootfs = Path(scratch, "root")
        unpack(["python3"], rootfs, Path(scratch), f"{name}: python3")
        python = python_version(rootfs, f"{name}: python3")
    pins = resolve(recipe.folder / "requirements.in", python, f"{name}: requirements.in")
    target = recipe.folder / "requirements.txt"
    target.write_text(
        f"# Made by `python -m images pin {name}` for Python {python}.\n{pins}", encoding="utf-8"
    )
    print(f"{target}: {len(pinned(pins))} packages")


def _programs(kubectl: Path | None) -> dict[str, Path]:
    """Return the programs for the recipes: the kubectl that was given, else the embedded cluster's."""
    try:
        return {"kubectl": kubectl or find("kubectl")}
    except ClusterError:
        return {}  # not built yet: whoever needs it says so


if __name__ == "__main__":
    try:
        main()
    except ImageError as error:
        sys.exit(f"images: {error}")
