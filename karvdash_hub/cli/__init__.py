"""``karvdash-hub``: what an administrator does outside of the pages."""

from __future__ import annotations

import os

import click

from karvdash_hub import __version__
from karvdash_hub.cli.adopt import adopt
from karvdash_hub.cli.folders import folders
from karvdash_hub.cli.oidc import oidc
from karvdash_hub.cli.policies import policies
from karvdash_hub.cli.selftest import selftest
from karvdash_hub.cli.users import audit, user
from karvdash_hub.errors import KarvdashError


@click.group()
def commands() -> None:
    """Manage karvdash_hub."""


commands.add_command(adopt)
commands.add_command(audit)
commands.add_command(folders)
commands.add_command(oidc)
commands.add_command(policies)
commands.add_command(selftest)
commands.add_command(user)


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
