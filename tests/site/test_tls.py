"""https: who is redirected, what cookies are called, and how few answers lead to a page."""

from __future__ import annotations

import json

import requests

from tests.site.site import HOSTNAME, Account, Site
from tests.site.visitor import Visitor


def test_from_sign_in_to_the_page_in_five_answers(
    site: Site, host: str, browser: Visitor, alice: Account
) -> None:
    page = browser.open(site.url(host, "/x?a=1&b=%26"))

    assert page.status == 200
    assert json.loads(page.data)["uri"] == "/x?a=1&b=%26"
    headers = json.loads(page.data)["headers"]
    assert headers["X-Forwarded-User"] == [alice.name]
    assert headers["X-Forwarded-Proto"] == ["https"]
    assert headers["X-Forwarded-Port"] == [str(site.port)]
    assert len(browser.steps) <= 5, browser.steps


def test_every_cookie_of_ours_is_bound_to_its_host(site: Site, host: str, browser: Visitor) -> None:
    """``__Host-`` names: browsers take them from this very host, over https, and from nobody else."""
    browser.open(site.url(host))
    names = {cookie.name for cookie in browser.cookies.values()}
    assert {"__Host-karvdash", "__Host-jupyterhub-hub-login"} <= names
    assert not {"karvdash", "jupyterhub-hub-login"} & names


def test_plain_http_is_sent_on(site: Site, host: str) -> None:
    def ask(name: str, path: str) -> requests.Response:
        url = f"http://127.0.0.1:{site.plain_port}{path}"
        return requests.get(url, headers={"Host": name}, allow_redirects=False, timeout=10)

    for name in (HOSTNAME, host, f"{host}:{site.plain_port}"):
        answer = ask(name, "/a?b=1&c=//d")
        assert answer.status_code == 308
        assert answer.headers["Location"] == site.url(name.partition(":")[0], "/a?b=1&c=//d")
    for name in ("evil.example", f"a.b.{HOSTNAME}", f"x.{HOSTNAME}.evil.example"):
        assert ask(name, "/a").headers["Location"] == f"{site.hub_url}/"
