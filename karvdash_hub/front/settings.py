"""What the front is told on its command line."""

from __future__ import annotations

import argparse
import ipaddress
import os
import pwd
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_DOMAIN = re.compile(r"(?P<host>[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Settings:
    """Everything the front has to know.

    Attributes:
        folder: for the configuration, the process id and temporary files.
        listen: addresses with port.
        hub_proxies: configurable-http-proxy, address and port.
        gates: replicas of the gate, address and port.
        domain: the Hub's host in browsers, with port unless it is the scheme's own.
        scheme: of browsers' requests; TLS may end in front of this nginx.
        certificate, key: files for TLS here, both empty where it ends elsewhere.
        redirect_from: addresses with port on which plain http is answered with a redirect to https.
        trusted_proxies: addresses of proxies in front of this nginx, whose word about the visitor counts.
        workers: processes that serve.
        user: account of the workers, ``""`` for whoever starts the front.
        access_log: path, ``""`` for none.
        error_log: path or ``stderr``.
    """

    folder: Path
    listen: tuple[str, ...]
    hub_proxies: tuple[str, ...]
    gates: tuple[str, ...]
    domain: str
    scheme: str = "http"
    certificate: str = ""
    key: str = ""
    redirect_from: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    workers: int = 2
    user: str = ""
    access_log: str = ""
    error_log: str = "stderr"
    log_level: str = "warn"

    @property
    def hostname(self) -> str:
        """The domain without port."""
        return self.domain.partition(":")[0]

    @property
    def port(self) -> str:
        """The domain's port with a colon, ``""`` when it is the scheme's own."""
        return self.domain.removeprefix(self.hostname)


def parse(argv: Sequence[str] | None = None) -> tuple[Settings, bool]:
    """Read the command line: the settings, and whether to write the configuration only."""
    parser = argparse.ArgumentParser(
        prog="python -m karvdash_hub.front",
        description="Write the front's nginx configuration and become that nginx, in the foreground.",
    )
    parser.add_argument("--config-dir", required=True, type=Path, help="folder for nginx.conf and nginx.pid")
    parser.add_argument(
        "--listen",
        required=True,
        action="append",
        type=_listen,
        metavar="ADDRESS:PORT",
        help="may be repeated",
    )
    parser.add_argument(
        "--hub-proxy", required=True, action="append", type=_address, metavar="ADDRESS:PORT",
        help="configurable-http-proxy; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--gate", required=True, action="append", type=_address, metavar="ADDRESS:PORT",
        help="the gate; repeated for each replica",
    )  # fmt: skip
    parser.add_argument(
        "--domain", required=True, type=_domain, help="the Hub's host in browsers, with port: localhost:8000"
    )
    parser.add_argument(
        "--scheme", choices=("http", "https"), default=None,
        help="of browsers' requests; default: https with a certificate, else http",
    )  # fmt: skip
    parser.add_argument("--certificate", default="", metavar="FILE", help="PEM with chain: TLS ends here")
    parser.add_argument("--certificate-key", default="", metavar="FILE", help="PEM")
    parser.add_argument(
        "--redirect-from", action="append", default=[], type=_listen, metavar="ADDRESS:PORT",
        help="listen here as well, and send plain http on to https; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--trusted-proxy", action="append", default=[], type=_network, metavar="CIDR",
        help="a proxy in front of this one, whose X-Forwarded-For and -Proto count; may be repeated",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="nginx processes; default: %(default)s")
    parser.add_argument("--user", default=_default_user(), help="account of the workers when started as root")
    parser.add_argument("--access-log", default="", metavar="FILE", help="default: none")
    parser.add_argument("--error-log", default="stderr", metavar="FILE", help="default: %(default)s")
    parser.add_argument("--write-only", action="store_true", help="write nginx.conf and do not start nginx")
    given = parser.parse_args(argv)
    scheme = given.scheme or ("https" if given.certificate else "http")
    if bool(given.certificate) != bool(given.certificate_key):
        parser.error("--certificate and --certificate-key belong together")
    if scheme == "http" and (given.certificate or given.redirect_from):
        parser.error("--certificate and --redirect-from are for --scheme https")
    settings = Settings(
        folder=given.config_dir.absolute(),
        listen=tuple(given.listen),
        hub_proxies=tuple(given.hub_proxy),
        gates=tuple(given.gate),
        domain=given.domain,
        scheme=scheme,
        certificate=_absolute(given.certificate),
        key=_absolute(given.certificate_key),
        redirect_from=tuple(given.redirect_from),
        trusted_proxies=tuple(given.trusted_proxy),
        workers=given.workers,
        user=given.user if os.geteuid() == 0 else "",
        access_log=_absolute(given.access_log),
        error_log=given.error_log if given.error_log == "stderr" else _absolute(given.error_log),
    )
    return settings, given.write_only


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a range of addresses, as in 10.0.0.0/24") from None


def _default_user() -> str:
    known = {account.pw_name for account in pwd.getpwall()}
    return next((name for name in ("www-data", "nginx", "nobody") if name in known), "")


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if path else ""


def _domain(text: str) -> str:
    if not _DOMAIN.fullmatch(text.lower()):
        raise argparse.ArgumentTypeError(
            f"{text} is not a host name, with or without port, as in localhost:8000"
        )
    return text.lower()


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", host):
            raise argparse.ArgumentTypeError(
                f"{text} is not an address and port, as in 127.0.0.1:8001"
            ) from None
    else:
        host = f"[{address}]" if address.version == 6 else str(address)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text} has no port, as in 127.0.0.1:8001")
    return f"{host}:{int(port)}"


def _listen(text: str) -> str:
    address = _address(text)
    try:
        wanted = ipaddress.ip_address(address.rpartition(":")[0].strip("[]"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: listen on an IP address, as in 127.0.0.1:8000") from None
    if wanted.is_unspecified:
        raise argparse.ArgumentTypeError(
            f"{text} would listen on every network: name each address, as in 127.0.0.1:8000"
        )
    return address
