"""Addresses that processes listen on."""

from __future__ import annotations

import argparse
import ipaddress


def listen_address(text: str) -> tuple[str, int]:
    """Read ``ADDRESS:PORT``, for ``type=`` of an argparse argument; an address of every network is refused.

    Raises: argparse.ArgumentTypeError with a sentence.
    """
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    try:
        if ipaddress.ip_address(host).is_unspecified:
            raise argparse.ArgumentTypeError(
                f"{text} would listen on every network: name one address, as in 127.0.0.1:8003"
            )
        return host, int(port)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not an address and port, as in 127.0.0.1:8003") from None
