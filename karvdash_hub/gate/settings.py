"""What the gate is told on its command line."""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from karvdash_hub.gate.addresses import Network
from karvdash_hub.gate.verdict import Site
from karvdash_hub.listening import listen_address
from karvdash_hub.names import INGRESS_CLASS

_POD_CIDR = "KARVDASH_POD_CIDR"


@dataclass(frozen=True)
class Settings:
    """Everything the gate has to know.

    Attributes:
        address, port: where to listen.
        hub_api: the Hub's API, reachable from here.
        kubeconfig: path, empty for the pod's own service account.
        token_file: the Hub's token for service ``karvdash-gate``.
        key_file: keys that sign cookies, the same in all replicas; made when missing.
        hub_grace: seconds for which sessions go on while the Hub does not answer.
        report: seconds between two reports to the Hub of what is used.
        url_prefixes: names that the Hub hands out as addresses of services.
        external: address and port for other proxies than the front, None for none.
        ingress_class: of the Ingresses that count.
        pod_ranges: of the cluster's pods; requests are sent to no other address. Empty: not known.
    """

    address: str
    port: int
    hub_api: str
    site: Site
    namespace_prefix: str
    kubeconfig: str
    token_file: Path
    key_file: Path
    hub_grace: float
    report: float
    pod_ranges: tuple[Network, ...]
    url_prefixes: tuple[str, ...] = ()
    external: tuple[str, int] | None = None
    ingress_class: str = INGRESS_CLASS

    @property
    def pool(self) -> list[str]:
        """Hosts that the Hub hands out to services."""
        return [f"{name}.{self.site.hostname}" for name in self.url_prefixes]

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.site.scheme == "https"


def parse(argv: Sequence[str] | None = None) -> Settings:
    """Read the command line; ends the process with a sentence when something is wrong with it."""
    parser = argparse.ArgumentParser(
        prog="python -m karvdash_hub.gate",
        description="Tell the front who may open which service, and where it is.",
    )
    parser.add_argument("--listen", metavar="ADDRESS:PORT", default="127.0.0.1:8003", type=listen_address)
    parser.add_argument(
        "--hub-api", metavar="URL", required=True, type=_url, help="http://127.0.0.1:8081/hub/api"
    )
    parser.add_argument(
        "--hub-url",
        metavar="URL",
        required=True,
        type=_url,
        help="the Hub in browsers: http://localhost:8000",
    )
    parser.add_argument(
        "--domain", required=True, help="what hosts of services end with, with port: localhost:8000"
    )
    parser.add_argument("--namespace-prefix", default="karvdash-", help="default: %(default)s")
    parser.add_argument("--kubeconfig", default="", help="default: the pod's own service account")
    parser.add_argument("--token-file", required=True, type=Path, help="the gate's token for the Hub's API")
    parser.add_argument(
        "--key-file", required=True, type=Path, help="keys that sign cookies, made if missing"
    )
    parser.add_argument(
        "--hub-grace", metavar="SECONDS", type=float, default=600.0,
        help="how long sessions go on while the Hub does not answer; default: %(default)g",
    )  # fmt: skip
    parser.add_argument(
        "--report", metavar="SECONDS", type=float, default=60.0,
        help="how often the Hub is told which services are used; default: %(default)g",
    )  # fmt: skip
    parser.add_argument(
        "--pod-cidr", metavar="CIDR", action="append", type=_network,
        help="addresses of the cluster's pods, may be repeated: requests are sent to no others. "
        f"Default: those in ${_POD_CIDR}, with commas between; without any, all but this machine's own",
    )  # fmt: skip
    parser.add_argument(
        "--url-prefixes", metavar="FILE", type=_names, default=(),
        help="addresses that the Hub hands out to services, one a line: Platform.service_url_prefixes",
    )  # fmt: skip
    parser.add_argument(
        "--external", metavar="ADDRESS:PORT", type=listen_address,
        help="answer other proxies than the front here: /external-auth",
    )  # fmt: skip
    parser.add_argument(
        "--ingress-class", metavar="NAME", default=INGRESS_CLASS,
        help="of the Ingresses that count: Platform.ingress_class; default: %(default)s",
    )  # fmt: skip
    given = parser.parse_args(argv)
    ranges = given.pod_cidr
    if ranges is None:
        try:
            ranges = [_network(text) for text in os.environ.get(_POD_CIDR, "").split(",") if text.strip()]
        except argparse.ArgumentTypeError as error:
            parser.error(f"${_POD_CIDR}: {error}")
    address, port = given.listen
    return Settings(
        address=address,
        port=port,
        hub_api=given.hub_api,
        site=Site(given.hub_url, given.domain.lower(), urlsplit(given.hub_url).scheme),
        namespace_prefix=given.namespace_prefix,
        kubeconfig=given.kubeconfig,
        token_file=given.token_file,
        key_file=given.key_file,
        hub_grace=given.hub_grace,
        report=given.report,
        pod_ranges=tuple(ranges),
        url_prefixes=given.url_prefixes,
        external=given.external,
        ingress_class=given.ingress_class,
    )


def _names(path: str) -> tuple[str, ...]:
    try:
        return tuple(Path(path).read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error}") from None


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a range of addresses, as in 10.244.0.0/16") from None


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text} is not an address with http:// or https://")
    return text.rstrip("/")
