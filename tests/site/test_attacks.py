"""Services of one domain against each other and against the Hub, in Chromium (peers.md O5, N4).

All of them are one *site* for browsers, so SameSite protects none; what does is said in
docs/explanation/opening-a-service.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.site.chromium import chromium_at, sign_in
from tests.site.site import HOSTNAME, Account, Site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    with chromium_at(site) as made:
        yield made


@pytest.fixture(scope="module")
def mallory(site: Site) -> Account:
    return site.account()


@pytest.fixture(scope="module")
def evil(site: Site, mallory: Account, alice: Account) -> str:
    """The host of a service of mallory's that alice may open: she visits it, and it acts on her."""
    made = mallory.launch("evil", port=8082)
    granted = mallory.api("POST", f"/shares/{mallory.name}/evil", {"user": alice.name})
    assert granted.status_code == 200, granted.text
    return made


@pytest.fixture(scope="module")
def context(browser: Browser, alice: Account) -> Iterator[BrowserContext]:
    """Alice's browser, signed in at the Hub."""
    made = browser.new_context()
    sign_in(made, alice).close()
    yield made
    made.close()


def visit(context: BrowserContext, site: Site, host: str, html: str = "hello") -> Page:
    """Open a page of a service with this HTML."""
    page = context.new_page()
    page.goto(site.url(host, f"/page?html={quote(html)}"))
    return page


def hub_cookies(context: BrowserContext, site: Site) -> dict[str, dict[str, Any]]:
    return {cookie["name"]: dict(cookie) for cookie in context.cookies(f"{site.hub_url}/hub/home")}


def test_a_cookie_of_a_service_reaches_the_hub_and_harms_nothing(
    site: Site, browser: Browser, evil: str, host: str, alice: Account
) -> None:
    """A service can set cookies for the whole domain: browsers send them to the Hub too."""
    context = browser.new_context()
    sign_in(context, alice)
    page = visit(context, site, evil)
    names = ("tossed", "_xsrf", "jupyterhub-hub-login", "jupyterhub-session-id", "karvdash")
    for name in names:
        for path in ("/", "/hub/"):
            cookie = f"{name}=evil; Domain={HOSTNAME}; Path={path}; Secure"
            page.evaluate("cookie => { document.cookie = cookie }", cookie)
    page.evaluate(
        "document.cookie = '__Host-jupyterhub-hub-login=evil; Path=/; Secure; Domain=hub.karvdash.test'"
    )
    sent = hub_cookies(context, site)
    assert sent["tossed"]["domain"] == f".{HOSTNAME}", "the test would prove nothing otherwise"
    assert sent["__Host-jupyterhub-hub-login"]["value"] != "evil"

    hub = context.new_page()
    assert hub.goto(f"{site.hub_url}/hub/home").status == 200  # type: ignore[union-attr]
    assert hub.locator("h1").inner_text() == "Your services"
    assert alice.name in hub.content()
    # A form of the Hub's still works: its token is found among the tossed ones.
    hub.goto(f"{site.hub_url}/hub/service/echo")
    hub.locator("button:text-is('Stop')").first.click()
    hub.wait_for_load_state()
    alice.wait_for("echo", "stopped")
    assert alice.api("POST", "/karvdash/services/echo/start").status_code < 300
    site.endpoints(alice.name, "echo")
    alice.wait_for("echo", "running")
    # And so does opening a service.
    assert visit(context, site, host, "mine").inner_text("body") == "mine"
    context.close()


def test_a_service_never_sees_our_cookies(site: Site, context: BrowserContext, evil: str) -> None:
    """Not even those that JupyterHub sets for the whole domain."""
    assert any(cookie["name"] == "jupyterhub-session-id" and cookie["domain"] == f".{HOSTNAME}"
               for cookie in context.cookies()), "the test would prove nothing otherwise"  # fmt: skip
    page = visit(context, site, evil)
    page.evaluate("document.cookie = 'own=1'")
    arrived = page.evaluate("fetch('/').then(answer => answer.json())")
    assert arrived["headers"]["Cookie"] == ["own=1"]
    assert page.evaluate("document.cookie") == "own=1", "scripts read none either"


FORM = """<form method=post action="{action}"{enctype}><input name="{name}" value="{value}"></form>
<script>document.forms[0].submit()</script>"""

#: JSON without application/json, as a form can send it.
AS_TEXT = FORM.replace("{enctype}", ' enctype="text/plain"').replace(
    'name="{name}" value="{value}"', """name='{{"id": "echo", "x": "' value='"}}'"""
)


@pytest.mark.parametrize("path", [
    "/hub/service/echo/stop", "/hub/service/echo/delete", "/hub/service/echo/start",
    "/hub/service/echo/change", "/hub/service/echo/share", "/hub/service/echo/unshare",
    "/hub/service/echo/keep", "/hub/service/echo/passwords",
    "/hub/launch/echo", "/hub/templates", "/hub/templates/x/delete", "/hub/notebook/start",
    "/hub/api/karvdash/services/", "/hub/api/users/{user}/tokens", "/hub/login",
    "/hub/account/password", "/hub/account/email",
])  # fmt: skip
def test_no_form_of_a_service_acts_at_the_hub(
    site: Site, context: BrowserContext, evil: str, host: str, alice: Account, path: str
) -> None:
    """As a plain form, and as JSON in text/plain; with alice's cookies, which the browser sends along."""
    before = alice.api("GET", "/karvdash/services/").json()
    action = site.hub_url + path.format(user=alice.name)
    forms = (
        FORM.format(action=action, enctype="", name="confirm", value="yes"),
        AS_TEXT.format(action=action),
    )
    for form in forms:
        page = context.new_page()
        with page.expect_response(lambda answer: answer.request.method == "POST") as got:
            page.goto(site.url(evil, f"/page?html={quote(form)}"))
        assert got.value.url.startswith(action)
        assert got.value.status in (400, 403, 404, 405), got.value.status
        page.close()
    assert alice.api("GET", "/karvdash/services/").json() == before


def test_a_service_reads_and_changes_nothing_of_another(
    site: Site, context: BrowserContext, evil: str, host: str
) -> None:
    """fetch with cookies, a form, a websocket, an image: alice is signed in at both."""
    visit(context, site, host)
    page = visit(context, site, evil)
    other = site.url(host, "/sink")
    read = "url => fetch(url, {credentials: 'include'}).then(a => a.text(), error => 'refused')"
    assert page.evaluate(read, site.url(host)) == "refused"
    posted = """url => fetch(url, {method: 'POST', credentials: 'include', mode: 'no-cors', body: 'x'})
        .then(answer => answer.type)"""
    with page.expect_response(other) as answer:
        page.evaluate(posted, other)
    assert answer.value.status == 403
    socket = """url => new Promise(done => {
        const socket = new WebSocket(url)
        socket.onopen = () => done('open'); socket.onerror = () => done('refused') })"""
    assert page.evaluate(socket, site.url(host, "/ws").replace("https", "wss")) == "refused"
    mine = visit(context, site, host)
    assert mine.evaluate(socket, site.url(host, "/ws").replace("https", "wss")) == "open"


def test_a_service_reads_nothing_of_the_hub(site: Site, context: BrowserContext, evil: str) -> None:
    page = visit(context, site, evil)
    read = "url => fetch(url, {credentials: 'include'}).then(a => a.text(), error => 'refused')"
    for path in ("/hub/home", "/hub/api/user", "/hub/api/karvdash/services/", "/hub/token"):
        assert page.evaluate(read, site.hub_url + path) == "refused", path
    framed = visit(context, site, evil, f'<iframe src="{site.hub_url}/hub/home"></iframe>')
    framed.wait_for_timeout(500)
    assert "Your services" not in framed.frames[1].content(), "the Hub's pages are in no frame of others"


def test_a_fetch_without_session_is_answered_and_not_redirected(
    site: Site, context: BrowserContext, host: str
) -> None:
    """A tab whose sign-in has ended gets 401 at once, not twenty redirects."""
    page = visit(context, site, host)
    context.clear_cookies(domain=host)
    fetch = "method => fetch('/sink', {method}).then(answer => [answer.status, answer.redirected])"
    answers = [page.evaluate(fetch, method) for method in ("GET", "POST", "PUT", "DELETE")]
    assert answers == [[401, False]] * 4
    assert page.goto(site.url(host)).status == 200  # type: ignore[union-attr]
