"""``karvdash-hub adopt``: what runs in the cluster and is in no database, by way of the running Hub.

The Hub has to run: what it adopts it also has to tell its own memory, JupyterHub's database and the proxy.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from karvdash_hub.errors import KarvdashError

#: Seconds for one request: a namespace may hold many services.
_TIMEOUT = 300.0


@dataclass(frozen=True)
class _Hub:
    api: str
    token: str

    def call(self, method: str, *path: str) -> dict[str, Any]:
        """Ask the Hub. Raises: KarvdashError with the Hub's own sentence."""
        url = "/".join(
            [self.api.rstrip("/"), "karvdash", "orphans", *(quote(part, safe="") for part in path)]
        )
        if not url.startswith(("http://", "https://")):
            raise KarvdashError(
                f"The Hub's API must be at http:// or https://, not at {self.api}.", "hub-api"
            )
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
                return dict(json.loads(answer.read() or b"{}"))
        except urllib.error.HTTPError as error:
            return self._refused(error)
        except OSError as error:
            raise KarvdashError(
                f"The Hub does not answer at {self.api}: {error}. It has to run for this.", "hub-api"
            ) from error

    def _refused(self, error: urllib.error.HTTPError) -> dict[str, Any]:
        try:
            body = dict(json.loads(error.read()))
        except ValueError:
            body = {}
        if "refused" in body:
            return body
        said = body.get("error") or body.get("message") or error.reason
        raise KarvdashError(f"The Hub answered {error.code}: {said}", "hub-api", error.code)


@click.group()
@click.option(
    "--hub-api",
    envvar=["KARVDASH_HUB_API", "JUPYTERHUB_API_URL"],
    default="http://127.0.0.1:8081/hub/api",
    show_default=True,
    help="Address of the Hub's API.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with an API token of an administrator. Without it JUPYTERHUB_API_TOKEN is taken.",
)
@click.option("--token", envvar="JUPYTERHUB_API_TOKEN", hidden=True, help="Only as environment variable.")
@click.pass_context
def adopt(context: click.Context, hub_api: str, token_file: Path | None, token: str | None) -> None:
    """Adopt or delete namespaces and services that the Hub's databases do not know.

    They are left when a database was lost or replaced by an older one. The Hub deletes none by itself.
    """
    found = token_file.read_text().strip() if token_file else (token or "").strip()
    if not found:
        raise click.UsageError("Give an administrator's token: --token-file FILE or JUPYTERHUB_API_TOKEN.")
    context.obj = _Hub(hub_api, found)


@adopt.command("list")
@click.pass_obj
def list_(hub: _Hub) -> None:
    """List them: namespace, user, service, template, why."""
    for one in hub.call("GET")["objects"]:
        columns = (one["namespace"], one["user"], one["service"] or "-", one["template"] or "-", one["why"])
        click.echo("\t".join(columns))


_namespace = click.argument("namespace")
_service = click.argument("service", default="")


@adopt.command()
@_namespace
@_service
@click.pass_context
def take(context: click.Context, namespace: str, service: str) -> None:
    """Adopt SERVICE in NAMESPACE, or everything there. Nothing that runs is interrupted."""
    answer = context.obj.call("POST", namespace, *([service] if service else []))
    for one in answer["adopted"]:
        click.echo(f"Adopted {one['service'] or one['namespace']} of {one['user']}.", err=True)
    for one in answer["refused"]:
        click.echo(f"{one['service'] or one['namespace']} of {one['user']}: {one['error']}", err=True)
    context.exit(1 if answer["refused"] else 0)


@adopt.command()
@_namespace
@_service
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(hub: _Hub, namespace: str, service: str, yes: bool) -> None:
    """Delete SERVICE in NAMESPACE, or everything unknown there: for an unknown namespace, all of it."""
    if not yes:
        click.confirm(f"Delete {service or 'everything unknown'} in {namespace} for ever?", abort=True)
    hub.call("DELETE", namespace, *([service] if service else []))
    click.echo(f"Deleted {service or 'everything unknown'} in {namespace}.", err=True)
