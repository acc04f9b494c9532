"""Somebody with an account at a site, and what they launch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

if TYPE_CHECKING:
    from tests.site.site import Site

HOSTNAME = "hub.karvdash.test"
TEMPLATE = """
kind: Service
apiVersion: v1
metadata: {name: $NAME}
spec:
  ports: [{name: web, port: 8080}, {name: more, port: 8081}]
---
kind: Ingress
apiVersion: networking.k8s.io/v1
metadata: {name: $NAME}
spec:
  rules:
  - host: $HOSTNAME
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: $NAME, port: {number: 8080}}}}]}
---
kind: Template
name: Echo
description: Says what arrived.
variables:
- {name: NAME, default: echo}
- {name: HOSTNAME, default: ""}
"""


@dataclass
class Account:
    """Somebody with an account at a site."""

    site: Site
    name: str
    password: str
    token: str

    def api(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Call ``/hub/api<path>`` with this person's token, past proxy and front."""
        return self.site.api(method, path, body, token=self.token)

    def launch(self, name: str = "echo", template: str = "echo", port: int = 8080) -> str:
        """Launch a service and let the pod answer for it; returns its host without port."""
        answer = self.api("POST", "/karvdash/services/", {"id": template, "NAME": name})
        assert answer.status_code == 201, answer.text
        name = answer.json()["name"]
        self.site.endpoints(self.name, name, port)
        self.wait_for(name, "running")
        return str(urlsplit(answer.json()["url"]).hostname)

    def delete(self, name: str, seconds: float = 30) -> None:
        """Delete a service and wait until nothing is left of it, its address included."""
        assert self.api("DELETE", f"/karvdash/services/{name}/").status_code == 204
        deadline = time.monotonic() + seconds
        while self.api("GET", f"/karvdash/services/{name}/").status_code != 404:
            assert time.monotonic() < deadline, name
            time.sleep(0.1)

    def wait_for(self, name: str, state: str, seconds: float = 30) -> dict[str, Any]:
        """Wait for a state of a service."""
        deadline = time.monotonic() + seconds
        while (found := self.api("GET", f"/karvdash/services/{name}/").json())["state"] != state:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return dict(found)
