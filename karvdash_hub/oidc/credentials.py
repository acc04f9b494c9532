"""How a client says who it is, RFC 6749 2.3.1. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple
from urllib.parse import unquote_plus

from oauthlib.common import Request


class Credentials(NamedTuple):
    """An id with a secret; both may be wrong."""

    client_id: str
    secret: str


def authorization(request: Request) -> Credentials | None:
    """Read the ``Authorization`` header; None without one, empty credentials if it cannot be read."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return Credentials("", "")
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return Credentials("", "")
    client_id, _, secret = text.partition(":")
    # Both are form-encoded before they are put together.
    return Credentials(unquote_plus(client_id), unquote_plus(secret))


def presented(request: Request) -> Credentials:
    """Read who the client says it is, from header or form."""
    found = authorization(request)
    return found or Credentials(request.client_id or "", request.client_secret or "")
