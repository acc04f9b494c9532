"""``karvdash-hub folders``: what removed users have left, until an administrator deletes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from karvdash_hub.files.client import FilesClient

T = TypeVar("T")


@click.group()
@click.option(
    "--files-api", envvar="KARVDASH_FILES_API", required=True, help="http://host:port of the files process."
)
@click.option(
    "--token-file",
    envvar="KARVDASH_FILES_TOKEN_FILE",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the secret of the files process.",
)
@click.pass_context
def folders(context: click.Context, files_api: str, token_file: Path) -> None:
    """Manage the folders of users who were removed."""
    context.obj = (files_api.rstrip("/"), token_file)


@folders.command("list")
@click.pass_obj
def list_(place: tuple[str, Path]) -> None:
    """List them: name of the folder in private/, whose it was, since when."""
    for one in _ask(place, lambda files: files.removed()):
        since = datetime.fromtimestamp(one["since"], UTC)
        click.echo(f"{one['name']}\t{one['slug']}\t{since:%Y-%m-%d}")


@folders.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(place: tuple[str, Path], names: tuple[str, ...], yes: bool) -> None:
    """Delete folders for good, with every file in them. NAME is as `folders list` prints it."""
    if not yes:
        click.confirm(f"Delete {', '.join(names)} with every file in it?", abort=True)
    for name in names:
        _ask(place, lambda files: files.remove(name))  # noqa: B023 - called at once
        click.echo(f"Deleted {name}.", err=True)


def _ask(place: tuple[str, Path], question: Callable[[FilesClient], Awaitable[T]]) -> T:
    async def ask() -> T:
        files = FilesClient(*place)
        try:
            return await question(files)
        finally:
            files.close()

    return asyncio.run(ask())
