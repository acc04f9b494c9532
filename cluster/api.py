"""A small client of the API server for the few calls that `up` makes itself; everything else is kubectl's."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

from .errors import ClusterError


class Api:
    """Talks to the API server at `host`:6443 as the admin whose certificates are in `pki`."""

    def __init__(self, host: str, pki: Path) -> None:
        self._host = host
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    def request(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and decoded body (text when it is no JSON). Raises OSError when nobody answers."""
        connection = http.client.HTTPSConnection(self._host, 6443, timeout=5, context=self._context)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
            is_json = response.headers.get_content_type() == "application/json"
            return response.status, json.loads(text) if is_json else text
        finally:
            connection.close()

    def ready(self, path: str = "/readyz") -> bool:
        try:
            return self.request("GET", path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def create(self, path: str, body: dict[str, Any]) -> None:
        """POST an object; one that exists stays as it is. Raises ClusterError when it is refused."""
        name = body["metadata"]["name"]
        # Asked first: a second Service with the same ClusterIP is not "exists" but "invalid".
        if self.request("GET", f"{path}/{name}")[0] == 200:
            return
        status, answer = self.request("POST", path, body)
        if status not in (201, 409):
            message = answer.get("message", answer) if isinstance(answer, dict) else answer
            raise ClusterError(f"the API server refused {body['kind']} {name}: {message}")

    def delete(self, path: str) -> None:
        """DELETE an object or collection; one that is not there is fine."""
        status, answer = self.request("DELETE", path)
        if status not in (200, 202, 404):
            raise ClusterError(f"the API server refused to delete {path}: {answer}")
