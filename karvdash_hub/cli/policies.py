"""``karvdash-hub policies``: the admission policies, as the settings want them, printed or applied."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from traitlets import TraitError
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from karvdash_hub.data.settings import DataDomains
from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.config import load
from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.settings import Argo
from karvdash_hub.oidc_settings import OIDCProvider
from karvdash_hub.policies import LABEL_PART_OF, PART_OF, Elsewhere, Policies, manifests
from karvdash_hub.settings import Platform

_API = "admissionregistration.k8s.io/v1"
#: Bindings go first: a binding whose policy is gone does nothing, but says so in the API server's log.
_KINDS = ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy")
#: Seconds that Kubernetes gets to read the policies.
_PATIENCE = 30.0

Manifest = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as people do."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


@click.group()
def policies() -> None:
    """Manage the admission policies of users' namespaces."""


_config = click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The Hub's jupyterhub_config.py. Without it the settings' defaults are taken.",
)


@policies.command("print")
@_config
def print_(config_file: Path | None) -> None:
    """Print parameters, policies and bindings as YAML."""
    click.echo(
        yaml.dump_all(from_settings(config_file), Dumper=_Dumper, sort_keys=False, width=110), nl=False
    )


@policies.command()
@_config
@click.option(
    "--kubeconfig",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Kubeconfig of an administrator of the cluster.",
)
def apply(config_file: Path | None, kubeconfig: Path) -> None:
    """Bring the policies of a cluster to what the settings say, and remove those that are disabled."""
    wanted = from_settings(config_file)
    removed = asyncio.run(_apply(kubeconfig, wanted))
    count = sum(one["kind"] == "ValidatingAdmissionPolicy" for one in wanted)
    click.echo(f"{count} policies are in force{f', removed {removed}' if removed else ''}.", err=True)


def from_settings(config_file: Path | None) -> list[Manifest]:
    """Return the objects for the settings in a configuration file of the Hub.

    Raises: KarvdashError if the file or a setting is wrong.
    """
    try:
        config = _read(config_file) if config_file else Config()
        elsewhere = Elsewhere(Argo(config=config).namespace, OIDCProvider(config=config).secret_namespaces)
        return manifests(
            Platform(config=config), DataDomains(config=config), Policies(config=config), elsewhere
        )
    except (TraitError, SyntaxError, NameError) as error:
        raise KarvdashError(f"{config_file or 'settings'}: {error}", "settings") from error


def _read(file: Path) -> Config:
    return PyFileConfigLoader(file.name, path=str(file.absolute().parent)).load_config()


async def _apply(kubeconfig: Path, wanted: Sequence[Manifest]) -> int:
    async with Kube(load(str(kubeconfig))) as kube:
        for manifest in wanted:
            await kube.apply(manifest)
        removed = await _remove_others(kube, wanted)
        await _understood(kube, wanted)
    return removed


async def _remove_others(kube: Kube, wanted: Sequence[Manifest]) -> int:
    names = {(one["kind"], one["metadata"]["name"]) for one in wanted}
    removed = 0
    for kind in _KINDS:
        for found in await kube.list(_API, kind, label_selector=f"{LABEL_PART_OF}={PART_OF}"):
            name = found["metadata"]["name"]
            if (kind, name) not in names:
                await kube.delete(_API, kind, name)
                removed += kind == "ValidatingAdmissionPolicy"
    return removed


async def _understood(kube: Kube, wanted: Sequence[Manifest]) -> None:
    """Wait until Kubernetes has checked the expressions against its kinds; complain of what it found.

    It checks what this version of Kubernetes knows: a field that it does not have would let everything pass,
    or nothing.
    """
    deadline = time.monotonic() + _PATIENCE
    for manifest in wanted:
        if manifest["kind"] != "ValidatingAdmissionPolicy":
            continue
        name = manifest["metadata"]["name"]
        while True:
            live = await kube.get(_API, manifest["kind"], name)
            status = live.get("status") or {}
            if status.get("observedGeneration") == live["metadata"]["generation"]:
                break
            if time.monotonic() > deadline:
                raise KarvdashError(
                    f"Kubernetes has not read policy {name} after {_PATIENCE:.0f} seconds. "
                    "Does its controller manager run?",
                    "policies",
                )
            await asyncio.sleep(0.1)
        if warnings := (status.get("typeChecking") or {}).get("expressionWarnings"):
            raise KarvdashError(
                f"Kubernetes does not understand policy {name}: "
                + "; ".join(f"{one['fieldRef']}: {one['warning']}" for one in warnings),
                "policies",
            )
