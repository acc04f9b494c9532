"""``karvdash-hub user`` and ``karvdash-hub audit``: accounts without the pages.

The rules are those of the pages (``accounts/management.py``). What a change ends or begins in the cluster and
in JupyterHub, the Hub does: within seconds if it runs, else when it starts.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from karvdash_hub.accounts import Management
from karvdash_hub.accounts.exporting import csv_lines, json_lines
from karvdash_hub.accounts.management import Services
from karvdash_hub.accounts.passwords import hash_password
from karvdash_hub.errors import NotFound
from karvdash_hub.store import Store


def database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the database is."""
    url = click.option(
        "--database-url", envvar="KARVDASH_DATABASE_URL", help="SQLAlchemy URL of karvdash_hub's database."
    )
    folder = click.option(
        "--state-dir",
        envvar="KARVDASH_STATE_DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder with karvdash.sqlite, instead of --database-url.",
    )
    return url(folder(command))


def open_store(context: click.Context, database_url: str | None, state_dir: Path | None) -> Store:
    """Open the database that the options name, until the command ends."""
    if not database_url and not state_dir:
        raise click.UsageError("Say where the database is: --state-dir FOLDER or --database-url URL.")
    store = Store(database_url or f"sqlite:///{state_dir}/karvdash.sqlite")
    context.call_on_close(store.close)
    return store


@click.group()
@database
@click.pass_context
def user(context: click.Context, database_url: str | None, state_dir: Path | None) -> None:
    """Manage local accounts. A running Hub acts on changes within seconds."""
    context.obj = Management(open_store(context, database_url, state_dir), via="command")


_generate = click.option("--generate", is_flag=True, help="Make a random password and print it.")
_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="May do everything for everybody.")
@click.option("--email", default="", help="E-mail address.")
@_stdin
@_generate
@click.pass_obj
def add(
    accounts: Management, name: str, admin: bool, email: str, password_stdin: bool, generate: bool
) -> None:
    """Add the account NAME, active at once."""
    text = _password(password_stdin, generate)
    accounts.check_new(name, email, text)
    accounts.add(name, email, hash_password(text), admin=admin)
    click.echo(f"Added {name}{' (admin)' if admin else ''}.", err=True)
    if generate:
        click.echo(text)


@user.command()
@click.argument("name")
@_stdin
@_generate
@click.pass_obj
def password(accounts: Management, name: str, password_stdin: bool, generate: bool) -> None:
    """Change the password of the account NAME, and end its sign-ins."""
    _known(accounts, name)
    text = _password(password_stdin, generate)
    accounts.check_password(name, text)
    accounts.set_password(name, hash_password(text))
    click.echo(f"Changed the password of {name}.", err=True)
    if generate:
        click.echo(text)


@user.command()
@click.argument("name")
@click.argument("address")
@click.pass_obj
def email(accounts: Management, name: str, address: str) -> None:
    """Set the e-mail ADDRESS of the account NAME ("" removes it)."""
    _known(accounts, name)
    accounts.set_email(name, address)
    click.echo(f"Changed the e-mail address of {name}.", err=True)


@user.command()
@click.argument("name")
@click.pass_obj
def promote(accounts: Management, name: str) -> None:
    """Make the account NAME an administrator's."""
    _known(accounts, name)
    accounts.set_admin(name, True)
    click.echo(f"{name} is an administrator.", err=True)


@user.command()
@click.argument("name")
@click.pass_obj
def demote(accounts: Management, name: str) -> None:
    """Take the account NAME the rights of an administrator."""
    _known(accounts, name)
    accounts.set_admin(name, False)
    click.echo(f"{name} is no administrator any more.", err=True)


@user.command()
@click.argument("name")
@click.option(
    "--services",
    type=click.Choice(["stop", "keep"]),
    default="stop",
    show_default=True,
    help="What becomes of services that run.",
)
@click.pass_obj
def deactivate(accounts: Management, name: str, services: Services) -> None:
    """Let the account NAME do nothing any more. What it has stays."""
    _known(accounts, name)
    accounts.deactivate(name, services)
    done = "are stopped" if services == "stop" else "go on"
    click.echo(f"{name} cannot sign in any more; services {done}, data stays.", err=True)


@user.command()
@click.argument("name")
@click.pass_obj
def activate(accounts: Management, name: str) -> None:
    """Let the account NAME sign in, for the first time or again."""
    _known(accounts, name)
    accounts.activate(name)
    click.echo(f"{name} can sign in.", err=True)


@user.command()
@click.argument("name")
@click.pass_obj
def remove(accounts: Management, name: str) -> None:
    """Delete the account NAME with its services and everything in its namespace.

    The private folder is renamed and kept.
    """
    _known(accounts, name)
    accounts.remove(name)
    click.echo(f"{name} cannot sign in any more, and is deleted by the Hub within seconds.", err=True)


@user.command("list")
@click.pass_obj
def list_(accounts: Management) -> None:
    """List the accounts: name, role, state, since when, e-mail."""
    deactivated, profiles = accounts.store.people.all_deactivated(), accounts.store.people.profiles()
    for account in accounts.store.accounts():
        role = "admin" if account.admin else "user"
        state = "deactivated" if account.name in deactivated else ("active" if account.active else "waiting")
        address = profiles[account.name].email if account.name in profiles else None
        click.echo(f"{account.name}\t{role}\t{state}\t{account.created:%Y-%m-%d}\t{address or ''}")


@click.command()
@database
@click.option("--user", "subject", help="Only what is about this user.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.pass_context
def audit(
    context: click.Context, database_url: str | None, state_dir: Path | None, subject: str | None, form: str
) -> None:
    """Write the audit log, the newest entry first."""
    entries = open_store(context, database_url, state_dir).audit.export(subject=subject)
    for line in csv_lines(entries) if form == "csv" else json_lines(entries):
        click.echo(line, nl=False)


def _known(accounts: Management, name: str) -> None:
    if accounts.store.account(name) is None:
        raise NotFound(f"There is no account {name}.", "account")


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
