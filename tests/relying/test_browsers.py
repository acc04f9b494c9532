"""In Chromium: another JupyterHub whose people sign in here, and a page that is a public client by itself."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.relying.other_hub import OtherHub
from tests.relying.site import TrustingSite
from tests.site.account import Account
from tests.site.chromium import chromium_at, sign_in

pytestmark = pytest.mark.browser
#: In a page of JupyterHub, which wants its token for forms even of who only reads.
WHO = "fetch(`/hub/api/user?_xsrf=${jhdata.xsrf_token}`).then((answer) => answer.json())"
PAGE = Path(__file__).parent / "public_client.html"


@pytest.fixture(scope="module")
def window(site: TrustingSite) -> Iterator[Browser]:
    with chromium_at(site) as browser:
        yield browser


@pytest.fixture
def context(window: Browser) -> Iterator[BrowserContext]:
    made = window.new_context()
    yield made
    made.close()


@pytest.fixture(scope="module")
def other(site: TrustingSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherHub]:
    made = OtherHub(site, tmp_path_factory.mktemp("other"))
    try:
        made.up()
        yield made
    finally:
        made.down()


def fill_in(page: Page, who: Account) -> None:
    """Sign in at the Hub's form, wherever it came from."""
    page.fill("#username_input", who.name)
    page.fill("#password_input", who.password)
    page.click("#login_submit")


def test_people_sign_in_at_another_hub_with_their_accounts_here(
    site: TrustingSite, other: OtherHub, alice: Account, context: BrowserContext
) -> None:
    boss = site.boss.token
    site.api("POST", "/groups/physics", token=boss)
    assert site.api("POST", "/groups/physics/users", {"users": [alice.name]}, token=boss).ok
    page = context.new_page()
    page.goto(f"{other.url}/hub/oauth_login?next=%2Fhub%2Ftoken")
    assert page.url.startswith(f"{site.hub_url}/hub/login"), page.url
    fill_in(page, alice)
    page.wait_for_url(f"{other.url}/hub/token")
    answer = page.evaluate(WHO)
    assert (answer["name"], answer["groups"], answer["admin"]) == (alice.name, ["physics"], False), (
        other.log()
    )


def test_administrators_here_are_administrators_there(
    site: TrustingSite, other: OtherHub, context: BrowserContext
) -> None:
    page = sign_in(context, site.boss)
    page.goto(f"{other.url}/hub/oauth_login?next=%2Fhub%2Ftoken")
    page.wait_for_url(f"{other.url}/hub/token")  # asked for nothing: already signed in here
    answer = page.evaluate(WHO)
    assert (answer["name"], answer["admin"]) == (site.boss.name, True), other.log()


@pytest.fixture(scope="module")
def public_page() -> Iterator[str]:
    """A web server with one page and nothing that could keep a secret."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(PAGE.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/{PAGE.name}"
        server.shutdown()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_page_signs_people_in_by_itself(
    site: TrustingSite, alice: Account, context: BrowserContext, public_page: str
) -> None:
    """Discovery, redirect with PKCE, token and userinfo, all by the browser's fetch."""
    application = site.application(
        "Notebook viewer", public_page, public=True, first_party=False, client_id="viewer"
    )
    page = context.new_page()
    page.goto(f"{public_page}?issuer={site.issuer}&client_id={application.client_id}")
    fill_in(page, alice)
    page.get_by_role("button", name="Allow", exact=True).click()
    page.wait_for_function("document.body.dataset.state !== 'working'")
    assert page.locator("body").get_attribute("data-state") == "done", page.locator("pre").inner_text()
    assert page.locator("#name").inner_text() == alice.name
    assert page.locator("#same").inner_text() == "true"

    connect = context.new_page()
    connect.goto(f"{site.hub_url}/hub/connect")
    row = connect.locator("li", has_text="Notebook viewer")
    row.get_by_role("button", name="Revoke").click()
    connect.get_by_text("signed out there").wait_for()
    page.click("#again")
    page.wait_for_function("document.querySelector('#status').innerText !== ''")
    assert page.locator("#status").inner_text() == "401"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_administrator_registers_an_application_on_a_telephone(
    site: TrustingSite, window: Browser, scheme: Literal["light", "dark"]
) -> None:
    context = window.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = sign_in(context, site.boss)
    page.goto(f"{site.hub_url}/hub/applications")
    page.get_by_label("Name", exact=True).fill(f"Phone {scheme}")
    page.get_by_label("Redirect addresses").fill("https://phone.example.com/back")
    page.get_by_role("button", name="Register").click()
    page.get_by_role("heading", name=f"Phone {scheme} is registered").wait_for()
    assert page.locator("dt", has_text="Client secret").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_label(f"More about Phone {scheme}").click()
    page.get_by_label(f"End everybody’s sign-ins at Phone {scheme}").check()
    page.get_by_role("button", name="Remove").click()
    page.wait_for_url(f"{site.hub_url}/hub/applications")
    assert page.get_by_text(f"Phone {scheme}").count() == 0
    context.close()


def test_a_file_for_kubectl_is_a_download(
    site: TrustingSite, alice: Account, context: BrowserContext, tmp_path: Path
) -> None:
    page = sign_in(context, alice)
    page.goto(f"{site.hub_url}/hub/connect")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download kubeconfig, valid for 8 h").click()
    file = tmp_path / started.value.suggested_filename
    started.value.save_as(file)
    assert file.name == f"karvdash-{alice.name}.kubeconfig"
    assert site.kubectl("get", "pods", kubeconfig=file).returncode == 0
