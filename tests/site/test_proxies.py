"""A front behind a proxy that ends TLS: whose word counts, and what is compressed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.site.site import HOSTNAME, Site
from tests.site.visitor import Visitor

GUEST = "203.0.113.9"


@contextmanager
def front_behind(site: Site, folder: Path, trusted: str) -> Iterator[str]:
    """Run one more front, without certificate; yields its address."""
    port, process = site.front_beside(folder, ["--scheme", "https", "--trusted-proxy", trusted])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()


def ask(url: str, host: str, **headers: str) -> requests.Response:
    given = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return requests.get(url, headers=given, allow_redirects=False, timeout=30)


def test_a_listed_proxy_is_believed(site: Site, host: str, browser: Visitor, tmp_path: Path) -> None:
    """About who asks, and that the way to it was https; not what a guest wrote before it."""
    browser.open(site.url(host))
    cookie = next(f"{c.name}={c.value}" for c in browser.cookies.values() if c.name == "__Host-karvdash")
    with front_behind(site, tmp_path, "127.0.0.1/32") as url:
        arrived = ask(
            url, host, X_Forwarded_Proto="https", X_Forwarded_For=f"6.6.6.6, {GUEST}", Cookie=cookie
        ).json()["headers"]
        assert arrived["X-Forwarded-For"] == [GUEST]
        assert arrived["X-Forwarded-Proto"] == ["https"]
        for proto in ("http", "", "https, http", "ftp"):
            answer = ask(f"{url}/a?b=1", host, X_Forwarded_Proto=proto, Cookie=cookie)
            assert (answer.status_code, answer.headers["Location"]) == (308, site.url(host, "/a?b=1")), proto
        assert ask(f"{url}/healthz", "127.0.0.1").text == "ok\n", "probes need no https"


def test_another_proxy_is_not(site: Site, host: str, tmp_path: Path) -> None:
    with front_behind(site, tmp_path, "10.99.0.0/16") as url:
        for name in (host, HOSTNAME):
            assert ask(url, name, X_Forwarded_Proto="https").status_code == 308


@pytest.mark.parametrize(
    ("kind", "compressed"),
    [
        pytest.param("text/css", True, id="styles"),
        pytest.param("application/json", True, id="json"),
        pytest.param("text/html; charset=utf-8", True, id="page"),
        pytest.param("text/event-stream", False, id="events"),
        pytest.param("image/png", False, id="picture"),
    ],
)
def test_what_is_compressed(site: Site, host: str, browser: Visitor, kind: str, compressed: bool) -> None:
    browser.open(site.url(host))
    text, encoded = "word " * 1000, {"Accept-Encoding": "gzip"}
    path = f"/page?kind={kind.replace('; ', '%3B%20')}&html={text.replace(' ', '+')}"
    answer = browser.fetch(site.url(host, path), headers=encoded, decode_content=False, preload_content=False)
    assert (answer.headers.get("Content-Encoding") == "gzip") == compressed
    body: Any = answer.read(decode_content=False)
    assert (gzip.decompress(body) if compressed else body).decode() == text


def test_the_hubs_pages_are_not_and_its_files_are(site: Site, browser: Visitor) -> None:
    """Tokens of forms could be guessed from the length of compressed pages."""
    encoded = {"Accept-Encoding": "gzip"}
    page = browser.fetch(f"{site.hub_url}/hub/home", headers=encoded)
    assert "Content-Encoding" not in page.headers
    style = browser.fetch(f"{site.hub_url}/hub/karvdash/static/karvdash.css", headers=encoded)
    assert style.headers["Content-Encoding"] == "gzip"
    assert json.dumps(style.headers["Vary"]).lower().count("accept-encoding")
