"""``karvdash-hub oidc``: applications that sign people in with the Hub, and its signing keys."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import click

from karvdash_hub.cli.config import Settings
from karvdash_hub.cli.users import database, open_store
from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube import client_secrets
from karvdash_hub.kube.config import load
from karvdash_hub.kube.rest import Kube
from karvdash_hub.oidc_settings import OIDCProvider
from karvdash_hub.provider import rotate
from karvdash_hub.registration import Registration, Wish
from karvdash_hub.store import Store

_kubeconfig = click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Kubeconfig of somebody who may write the Secret.",
)


@click.group()
@database
@click.pass_context
def oidc(context: click.Context, database_url: str | None, state_dir: Path | None) -> None:
    """Manage the Hub's OpenID Connect provider. A running Hub knows of changes at once."""
    context.obj = open_store(context, database_url, state_dir)


@oidc.command("rotate")
@click.option("--at-once", is_flag=True, help="Sign with it from now on; all ID tokens so far are worthless.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The Hub's jupyterhub_config.py, for OIDCProvider.key_lifetime and the lifetime of tokens.",
)
@click.pass_obj
def rotate_(store: Store, at_once: bool, config_file: Path | None) -> None:
    """Make the next signing key.

    It signs a day later, when all applications have read it. --at-once is for a key that somebody has got
    hold of.
    """
    settings = Settings(config_file).of(OIDCProvider)
    kid = rotate(store, settings, time.time(), at_once=at_once)
    store.audit.add("signing-key.rotate", subject="", object=kid, via="command")
    click.echo(f"Made the signing key {kid}{', which signs now' if at_once else ''}.", err=True)


@oidc.group()
def client() -> None:
    """Manage applications that sign people in."""


@client.command()
@click.argument("name")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Exact address; may be given again.")
@click.option("--post-logout-redirect-uri", "post_logout", multiple=True, help="Where it may go afterwards.")
@click.option("--client-id", default="", help="Made from the name if it is not given.")
@click.option("--public", is_flag=True, help="It can keep no secret, and uses PKCE.")
@click.option("--ask-consent", is_flag=True, help="It is somebody else's: people are asked first.")
@click.option("--allow-http", is_flag=True, help="Take addresses without TLS, as the Hub has none.")
@click.option("--secret", default="", metavar="NAMESPACE/NAME", help="Kubernetes Secret to write.")
@_kubeconfig
@click.pass_obj
def add(
    store: Store,
    name: str,
    redirect_uris: tuple[str, ...],
    post_logout: tuple[str, ...],
    client_id: str,
    public: bool,
    ask_consent: bool,
    allow_http: bool,
    secret: str,
    kubeconfig: Path | None,
) -> None:
    """Register the application NAME; print its id and secret as JSON, once and never again."""
    if bool(secret) != bool(kubeconfig):
        raise click.UsageError("--secret and --kubeconfig belong together.")
    registration = _registration(store, http=allow_http)
    wish = Wish(name, redirect_uris, client_id, public, not ask_consent, post_logout, secret)
    made, value = registration.add(wish)
    if kubeconfig:
        try:
            asyncio.run(_write(kubeconfig, secret, made.client_id, value))
        except BaseException:
            registration.undo(made)
            raise
        click.echo(f"Wrote Secret {secret}.", err=True)
    click.echo(json.dumps({"client_id": made.client_id, "client_secret": value or None}))


@client.command("list")
@click.pass_obj
def list_(store: Store) -> None:
    """List the applications: client id, kind, who registered it, name, redirect addresses."""
    for one in store.oidc.list_clients():
        kind = "public" if one.public else "confidential"
        click.echo(f"{one.client_id}\t{kind}\t{one.source}\t{one.name}\t{' '.join(one.redirect_uris)}")


@client.command()
@click.argument("client_id")
@_kubeconfig
@click.pass_obj
def remove(store: Store, client_id: str, kubeconfig: Path | None) -> None:
    """Forget the application CLIENT_ID and everybody's sign-ins at it.

    With --kubeconfig its Kubernetes Secret is deleted too.
    """
    gone = _registration(store).remove(client_id)
    click.echo(f"Removed {client_id}.", err=True)
    if gone.secret_place and kubeconfig:
        asyncio.run(_delete(kubeconfig, gone.secret_place))
        click.echo(f"Deleted Secret {gone.secret_place}.", err=True)
    elif gone.secret_place:
        click.echo(f"Secret {gone.secret_place} is still there.", err=True)


def _registration(store: Store, *, http: bool = False) -> Registration:
    return Registration(store, http, namespaces=None, source="command")


async def _write(kubeconfig: Path, place: str, client_id: str, secret: str) -> None:
    async with Kube(load(str(kubeconfig))) as kube:
        await client_secrets.create(kube, place, client_id, secret)


async def _delete(kubeconfig: Path, place: str) -> None:
    namespace, _, name = place.partition("/")
    async with Kube(load(str(kubeconfig))) as kube:
        found = await kube.get("v1", "Secret", name, namespace)
        if client_secrets.LABEL_CLIENT not in (found["metadata"].get("labels") or {}):
            raise KarvdashError(
                f"Secret {place} is not labelled {client_secrets.LABEL_CLIENT}; it is left alone."
            )
        await client_secrets.remove(kube, place)
