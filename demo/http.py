"""Calls of the Hub's API with the standard library."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any


def call(url: str, method: str, body: Mapping[str, Any] | None, token: str) -> tuple[int, Any]:
    """One request with a Hub token: (status, JSON or text). Raises OSError when nobody answers."""
    request = urllib.request.Request(  # noqa: S310 - our own http address
        url,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"token {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            text, status = answer.read().decode(), answer.status
    except urllib.error.HTTPError as refused:
        text, status = refused.read().decode(), refused.code
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text
