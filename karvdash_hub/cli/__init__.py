"""``karvdash-hub``: what an administrator does outside of the pages."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import click

from karvdash_hub import __version__
from karvdash_hub.accounts import LocalAccounts
from karvdash_hub.cli.policies import policies
from karvdash_hub.errors import KarvdashError, NotFound
from karvdash_hub.store import Store


@click.group()
def commands() -> None:
    """Manage karvdash_hub."""


commands.add_command(policies)


@commands.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


@commands.group()
@click.option(
    "--database-url", envvar="KARVDASH_DATABASE_URL", help="SQLAlchemy URL of karvdash_hub's database."
)
@click.option(
    "--state-dir",
    envvar="KARVDASH_STATE_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with karvdash.sqlite, instead of --database-url.",
)
@click.pass_context
def user(context: click.Context, database_url: str | None, state_dir: Path | None) -> None:
    """Manage local accounts. A running Hub sees changes at once."""
    if not database_url and not state_dir:
        raise click.UsageError("Say where the database is: --state-dir FOLDER or --database-url URL.")
    context.obj = Store(database_url or f"sqlite:///{state_dir}/karvdash.sqlite")
    context.call_on_close(context.obj.close)


_generate = click.option("--generate", is_flag=True, help="Make a random password and print it.")
_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="May do everything for everybody.")
@_stdin
@_generate
@click.pass_obj
def add(store: Store, name: str, admin: bool, password_stdin: bool, generate: bool) -> None:
    """Add the account NAME."""
    password = _password(password_stdin, generate)
    LocalAccounts(store).add(name, password, admin=admin)
    click.echo(f"Added {name}{' (admin)' if admin else ''}.", err=True)
    if generate:
        click.echo(password)


@user.command()
@click.argument("name")
@_stdin
@_generate
@click.pass_obj
def password(store: Store, name: str, password_stdin: bool, generate: bool) -> None:
    """Change the password of the account NAME."""
    new = _password(password_stdin, generate)
    LocalAccounts(store).set_password(name, new)
    click.echo(f"Changed the password of {name}.", err=True)
    if generate:
        click.echo(new)


@user.command()
@click.argument("name")
@click.pass_obj
def deactivate(store: Store, name: str) -> None:
    """Let the account NAME sign in no more. What it has stays, and what runs goes on."""
    _known(store.set_active(name, False), name)
    click.echo(f"{name} cannot sign in any more.", err=True)


@user.command()
@click.argument("name")
@click.pass_obj
def activate(store: Store, name: str) -> None:
    """Let the account NAME sign in again."""
    _known(store.set_active(name, True), name)
    click.echo(f"{name} can sign in.", err=True)


@user.command()
@click.argument("name")
@click.pass_obj
def remove(store: Store, name: str) -> None:
    """Delete the account NAME, not what it has: that goes when the user is deleted in the Hub."""
    _known(store.remove_account(name), name)
    click.echo(
        f"Deleted the account {name}. Its services and data go when an administrator deletes the user "
        "on the Hub's admin page.",
        err=True,
    )


def _known(found: bool, name: str) -> None:
    if not found:
        raise NotFound(f"There is no account {name}.", "account")


@user.command("list")
@click.pass_obj
def list_(store: Store) -> None:
    """List the accounts: name, role, state, since when."""
    for account in store.accounts():
        role = "admin" if account.admin else "user"
        state = "active" if account.active else "inactive"
        click.echo(f"{account.name}\t{role}\t{state}\t{account.created:%Y-%m-%d}")


def _password(from_stdin: bool, generate: bool) -> str:
    if from_stdin and generate:
        raise click.UsageError("--password-stdin and --generate exclude each other.")
    if generate:
        return secrets.token_urlsafe(15)
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError(
            "There is no terminal to ask for a password: use --password-stdin or --generate."
        )
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def main() -> None:
    """Run the command line; mistakes become one sentence and exit status 1."""
    # A database that the Hub's user cannot share with others.
    os.umask(0o077)
    try:
        commands(prog_name="karvdash-hub")
    except KarvdashError as error:
        click.echo(f"karvdash-hub: {error}", err=True)
        raise SystemExit(1) from None
