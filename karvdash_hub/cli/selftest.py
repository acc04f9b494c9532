"""``karvdash-hub selftest``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from karvdash_hub.cli.config import Settings
from karvdash_hub.data.settings import DataDomains
from karvdash_hub.kube.config import load
from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.settings import UserNamespaces
from karvdash_hub.selftest import Report, run
from karvdash_hub.settings import Platform
from karvdash_hub.store import SELFTEST, Store


@click.command()
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The Hub's jupyterhub_config.py. Without it the settings' defaults are taken.",
)
@click.option(
    "--image", default="busybox:1.36", show_default=True, help="Image of busybox that nodes can pull."
)
@click.option(
    "--patience", default=120.0, show_default=True, help="Seconds that a pod gets to start and to end."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def selftest(
    context: click.Context, config_file: Path | None, image: str, patience: float, as_json: bool
) -> None:
    """Try whether this cluster keeps users apart. Exit status 1 if it does not, 3 if that is unknown.

    Run it with the settings and where the Hub runs. It makes two namespaces and three pods for some seconds,
    and the Hub's admin page shows what it found.
    """
    settings = Settings(config_file)
    platform, data = settings.of(Platform), settings.of(DataDomains)
    store = Store(platform.database_url)
    try:
        report = asyncio.run(
            _run(
                platform,
                settings.of(UserNamespaces),
                owner_id=store.instance_id,
                image=image,
                pod_security=not data.allowed_host_path_dirs,
                patience=patience,
            )
        )
        store.set_meta(SELFTEST, report.to_json())
    finally:
        store.close()
    click.echo(report.to_json() if as_json else "\n".join(report.lines()))
    context.exit(1 if report.failures else 3 if report.unknown else 0)


async def _run(platform: Platform, settings: UserNamespaces, **more: Any) -> Report:
    async with Kube(load(platform.kubeconfig)) as kube:
        return await run(
            kube, platform, settings, told=lambda what: click.echo(f"selftest: {what}", err=True), **more
        )
