"""A provider that is switched off is not there: the same handlers, over HTTP, without a Hub around them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from tornado import web

from karvdash_hub.handlers import oidc_wire
from karvdash_hub.handlers.oidc_routes import routes
from karvdash_hub.oidc_settings import OIDCProvider
from karvdash_hub.provider import Provider
from karvdash_hub.store import Store
from tests.accounts.lone_hub import free_port


@pytest.mark.parametrize("enabled", [True, False])
async def test_switched_off(tmp_path: Path, enabled: bool) -> None:
    store, port = Store(f"sqlite:///{tmp_path / 'karvdash.sqlite'}"), free_port()
    issuer = f"http://127.0.0.1:{port}/oidc"
    provider = Provider(issuer, OIDCProvider(enabled=enabled), store, lambda _name: None)
    ours = [route for route in routes() if issubclass(route[1], oidc_wire.WireHandler)]
    application = web.Application(ours, karvdash=SimpleNamespace(provider=provider))
    server = application.listen(port, "127.0.0.1")
    try:
        asked = ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"]
        found = [
            (await asyncio.to_thread(requests.get, issuer + path, timeout=30)).status_code for path in asked
        ]
        assert found == ([200, 200, 405, 401] if enabled else [404] * 4)
    finally:
        server.stop()
        store.close()
