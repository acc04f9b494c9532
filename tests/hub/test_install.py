"""What one line of configuration sets."""

from __future__ import annotations

import pytest
from traitlets.config import Config

from karvdash_hub.install import install


@pytest.mark.parametrize(
    ("public_url", "prefixed"),
    [
        pytest.param("https://example.com", True, id="https"),
        # Browsers refuse such cookies without TLS.
        pytest.param("http://localhost:8000", False, id="http"),
    ],
)
def test_a_sibling_host_cannot_set_the_hubs_cookies(public_url: str, prefixed: bool) -> None:
    config = Config()
    config.Platform.public_url = public_url
    install(config)
    assert bool(config.JupyterHub.get("cookie_host_prefix_enabled")) == prefixed
