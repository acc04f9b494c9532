"""What JupyterHub's own notebooks (KubeSpawner) need of us: an API client with the user's rights.

KubeSpawner acts with the Hub's identity, which here may not create a pod. Each user's notebooks get a
typed client that acts as the user's account; all share one set of connections.
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

from kubernetes_asyncio import client

from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.rest import default_account


class StockClients:
    """``CoreV1Api`` a user namespace. Made at first use, inside the event loop."""

    def __init__(self, config: KubeConfig) -> None:
        self._config = config
        self._base: client.ApiClient | None = None

    def core(self, namespace: str) -> Any:
        """Return the typed core API, acting as the owner of a user namespace."""
        if self._base is None:
            self._base = _api_client(self._config)
        # A shallow copy shares the connections; only the headers are its own.
        api_client = copy.copy(self._base)
        api_client.default_headers = {
            **self._base.default_headers,
            "Impersonate-User": default_account(namespace),
        }
        return client.CoreV1Api(api_client)

    async def close(self) -> None:
        """Close the connections."""
        if self._base is not None:
            await self._base.close()
            self._base = None


def _api_client(config: KubeConfig) -> Any:
    made = client.Configuration(host=config.server)
    made.verify_ssl = config.verify
    made.tls_server_name = config.server_name or None

    def refresh(configuration: Any) -> None:
        # Called before every request too, so that a replaced token is used.
        if authorization := config.headers().get("Authorization"):
            configuration.api_key["BearerToken"] = authorization

    made.refresh_api_key_hook = refresh
    # Without a first token the client authenticates no request and never asks for one.
    # ref: kubernetes_asyncio/client/configuration.py auth_settings (36.1.0)
    refresh(made)
    with tempfile.TemporaryDirectory(prefix="karvdash-hub-") as folder:  # mode 0700
        made.ssl_ca_cert = _file(folder, "ca.crt", config.ca_file, config.ca_data)
        made.cert_file = _file(folder, "tls.crt", config.cert_file, config.cert_data)
        made.key_file = _file(folder, "tls.key", config.key_file, config.key_data)
        # The files are read while the client is made, and not again.
        return client.ApiClient(made)


def _file(folder: str, name: str, path: str, data: str) -> str | None:
    if not data:
        return path or None
    file = Path(folder) / name
    file.write_text(data, encoding="ascii")
    return str(file)
