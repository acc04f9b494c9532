"""``karvdash-hub``: what an administrator does outside of the pages."""

from __future__ import annotations

import os
from importlib import import_module

import click

from karvdash_hub import __version__
from karvdash_hub.errors import KarvdashError

#: Commands, and the modules that have them. Each is imported when it is called: with the database or
#: Kubernetes come half a second of imports, which most commands do not need.
COMMANDS = {
    "adopt": "adopt",
    "audit": "users",
    "folders": "folders",
    "oidc": "oidc",
    "policies": "policies",
    "selftest": "selftest",
    "user": "users",
}


class LazyGroup(click.Group):
    """ref: https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands"""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, for the help."""
        return sorted([*super().list_commands(ctx), *COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module, which has it under its own name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"karvdash_hub.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=LazyGroup)
def commands() -> None:
    """Manage karvdash_hub."""


@commands.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


def main() -> None:
    """Run the command line; mistakes become one sentence and exit status 1."""
    # A database that the Hub's user cannot share with others.
    os.umask(0o077)
    try:
        commands(prog_name="karvdash-hub")
    except KarvdashError as error:
        click.echo(f"karvdash-hub: {error}", err=True)
        raise SystemExit(1) from None
