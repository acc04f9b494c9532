"""``python -m karvdash_hub.admission.certificate``: make, renew and publish the server's certificate.

Goes on for ever unless told ``--once``: looks every minute, renews the server's certificate every day (it is
valid for a week), its authority in the last third of a year, and puts the configuration right that tells
Kubernetes about the webhook.

An authority is trusted an hour before it signs anything and until it ends, so no moment of a renewal is one
in which a good server is not believed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from karvdash_hub import process
from karvdash_hub.admission import configuration
from karvdash_hub.admission.renewal import OVERLAP, Files, prepare, renew
from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.call import APPLY, call
from karvdash_hub.kube.config import ConfigError, KubeConfig, load
from karvdash_hub.kube.stream import Refused, StreamError
from karvdash_hub.waiting import wait_for_event

log = logging.getLogger("karvdash_hub.admission.certificate")

#: Seconds between two looks.
INTERVAL = 60.0


async def publish(config: KubeConfig, manifest: dict[str, Any]) -> None:
    """Tell Kubernetes about the webhook, or repair what it was told."""
    query = "?fieldManager=karvdash-hub-admission&force=true"
    await call(config, "PATCH", configuration.TARGET + query, manifest, APPLY)


async def remove(config: KubeConfig) -> None:
    """Make Kubernetes forget the webhook; nothing to do if it never knew."""
    try:
        await call(config, "DELETE", configuration.TARGET)
    except Refused as error:
        if error.code != 404:
            raise


async def look(given: argparse.Namespace, config: KubeConfig, *, first: bool) -> None:
    """Do once what is due: authorities, configuration, then the certificate that needs both."""
    client = _client(given)
    wanted: dict[str, Any] = {"prefix": given.namespace_prefix, "release": given.release_namespace}
    if given.inject_ca_from:
        await publish(config, configuration.manifest(client, **wanted, inject_from=given.inject_ca_from))
        return
    files = Files(given.cert_file, given.key_file, given.ca_dir or given.cert_file.parent)
    authority, bundle = prepare(files, time.time(), overlap=given.overlap, rotate=first and given.rotate)
    await publish(config, configuration.manifest(client, **wanted, bundle=bundle))
    files.note_published(time.time())
    renew(files, authority, configuration.hosts(client), time.time(), force=first and given.renew)


async def run(given: argparse.Namespace) -> None:
    """Look, and again every minute until SIGTERM.

    Raises: KarvdashError, StreamError, Refused: with ``--once``, and never afterwards.
    """
    config = load(given.kubeconfig)
    if given.remove:
        await remove(config)
        return
    _client(given)  # a mistake on the command line ends the program, whatever the API server does
    stopping = process.stopping()
    first = True
    while not stopping.is_set():
        try:
            await look(given, config, first=first)
            first = False
        except (StreamError, Refused, ConfigError, OSError) as error:
            if given.once:
                raise
            log.warning("Not done, trying again: %s", error)
        if given.once:
            return
        await wait_for_event(stopping, 5.0 if first else INTERVAL)


def _client(given: argparse.Namespace) -> dict[str, Any]:
    if given.url:
        return configuration.client_for_url(given.url)
    return configuration.client_for_service(given.service)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; ends the process with a sentence when something is wrong with it."""
    parser = argparse.ArgumentParser(
        prog="python -m karvdash_hub.admission.certificate", description=(__doc__ or "").split("\n\n")[1]
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", metavar="https://HOST:PORT", help="the webhook, outside the cluster")
    where.add_argument("--service", metavar="NAMESPACE/NAME[:PORT]", help="the webhook's Service")
    where.add_argument("--remove", action="store_true", help="make Kubernetes forget the webhook, and end")
    environment = os.environ.get
    parser.add_argument("--kubeconfig", default=environment("KARVDASH_KUBECONFIG", ""), metavar="FILE",
                        help="default: the pod's own service account ($KARVDASH_KUBECONFIG)")  # fmt: skip
    for flag, variable in (
        ("--cert-file", "KARVDASH_ADMISSION_CERT_FILE"),
        ("--key-file", "KARVDASH_ADMISSION_KEY_FILE"),
    ):
        default = environment(variable)
        parser.add_argument(flag, type=Path, default=default and Path(default), metavar="FILE",
                            help=f"written here (${variable})")  # fmt: skip
    parser.add_argument("--ca-dir", type=Path, metavar="DIR", help="default: the folder of --cert-file")
    parser.add_argument("--namespace-prefix", default=environment("KARVDASH_NAMESPACE_PREFIX", "karvdash-"),
                        metavar="TEXT", help="of user namespaces ($KARVDASH_NAMESPACE_PREFIX)")  # fmt: skip
    parser.add_argument("--release-namespace", metavar="NAME", help="left out ($KARVDASH_RELEASE_NAMESPACE)",
                        default=environment("KARVDASH_RELEASE_NAMESPACE", "karvdash"))  # fmt: skip
    parser.add_argument("--inject-ca-from", default="", metavar="NAMESPACE/CERTIFICATE",
                        help="cert-manager makes the certificate: only publish the webhook")  # fmt: skip
    parser.add_argument("--once", action="store_true", help="do what is due, and end")
    parser.add_argument("--renew", action="store_true", help="sign a certificate even if none is due")
    parser.add_argument("--rotate", action="store_true", help="begin to replace the authority")
    parser.add_argument("--overlap", type=float, default=OVERLAP, metavar="SECONDS",
                        help="of a new authority's trust before it signs; default: %(default)g")  # fmt: skip
    given = parser.parse_args(argv)
    if not (given.remove or given.inject_ca_from or (given.cert_file and given.key_file)):
        parser.error("--cert-file and --key-file are needed, unless cert-manager makes them")
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit status."""
    given = parse(argv)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        asyncio.run(run(given))
    except (KarvdashError, StreamError, Refused, OSError) as error:
        log.error("The webhook cannot be set up: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
