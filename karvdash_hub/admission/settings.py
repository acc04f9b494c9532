"""What the admission server is told on its command line or in its environment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from karvdash_hub.listening import listen_address


@dataclass(frozen=True)
class Settings:
    """Everything the admission server has to know.

    Attributes:
        address, port: where to listen.
        kubeconfig: path, empty for the pod's own service account.
        prefix: of the names of user namespaces.
        ingress_url, registry, argo_url: for KARVDASH_* variables of containers; empty leaves them out.
    """

    address: str
    port: int
    kubeconfig: str
    cert_file: Path
    key_file: Path
    prefix: str
    ingress_url: str
    registry: str
    argo_url: str

    @property
    def for_containers(self) -> dict[str, str]:
        """Keywords of ``patch.environment``."""
        return {"ingress_url": self.ingress_url, "registry": self.registry, "argo_url": self.argo_url}


def parse(argv: Sequence[str] | None = None) -> Settings:
    """Read the command line; ends the process with a sentence when something is wrong with it."""
    parser = argparse.ArgumentParser(
        prog="python -m karvdash_hub.admission",
        description="Give every pod of a user namespace the user's folders, token and datasets.",
    )

    def add(
        flag: str, variable: str, meaning: str, default: str = "", *, needed: bool = False, **more: Any
    ) -> None:
        value = os.environ.get(variable, default)
        missing = needed and not value
        parser.add_argument(flag, help=f"{meaning} (${variable})", default=value, required=missing, **more)

    add("--listen", "KARVDASH_ADMISSION_LISTEN", "one address and port", "127.0.0.1:9443",
        metavar="ADDRESS:PORT", type=listen_address)  # fmt: skip
    add("--kubeconfig", "KARVDASH_KUBECONFIG", "default: the pod's own service account", metavar="FILE")
    add("--cert-file", "KARVDASH_ADMISSION_CERT_FILE", "certificate, waited for and read again when changed",
        metavar="FILE", needed=True)  # fmt: skip
    add("--key-file", "KARVDASH_ADMISSION_KEY_FILE", "its key", metavar="FILE", needed=True)
    add("--namespace-prefix", "KARVDASH_NAMESPACE_PREFIX", "of user namespaces", "karvdash-", metavar="TEXT")
    add("--ingress-url", "KARVDASH_INGRESS_URL", "the Hub in browsers", metavar="URL")
    add("--registry", "KARVDASH_REGISTRY", "host of the image registry", metavar="HOST")
    add("--argo-url", "KARVDASH_ARGO_URL", "of Argo Workflows", metavar="URL")
    given = parser.parse_args(argv)
    address, port = given.listen
    return Settings(
        address=address,
        port=port,
        kubeconfig=given.kubeconfig,
        cert_file=Path(given.cert_file),
        key_file=Path(given.key_file),
        prefix=given.namespace_prefix,
        ingress_url=given.ingress_url.rstrip("/"),
        registry=_registry(given.registry),
        argo_url=given.argo_url.rstrip("/"),
    )


def _registry(url: str) -> str:
    """Return ``host[:port][/path]`` as image names begin with it: no scheme, no password."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    return (parts.netloc.rpartition("@")[2] + parts.path).rstrip("/")
