"""What a person sees."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.notebook.server import START, NotebookServer
from tests.notebook.test_inside import NOTEBOOK

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
#: JupyterLab is 15 MB of script for a browser that draws without a graphics card (ms).
PATIENCE = 60_000
PROFILES = [
    {"display_name": "Small", "slug": "small", "default": True},
    {"display_name": "Large", "slug": "large", "kubespawner_override": {"mem_limit": "768M"}},
]


def test_a_users_host_leads_through_the_sign_in_to_jupyterlab(
    visit: Callable[..., Visit], server: NotebookServer
) -> None:
    """A document is opened by its short address; a cell is run, so websockets get through."""
    server.write("seen.ipynb", NOTEBOOK.read_text())
    name = server.owner.name
    page = visit(server.owner, viewport={"width": 1280, "height": 900}).context.new_page()
    page.goto(server.url.replace(f"/user/{name}/", "/lab/tree/seen.ipynb"))
    sign_in(page, server.owner)

    expect(page).to_have_url(f"{server.url}lab/tree/seen.ipynb", timeout=PATIENCE)
    title = page.get_by_role("heading", name="Launch a service from a notebook")
    expect(title).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=PATIENCE)
    cell = page.locator(".jp-CodeCell").first
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(cell).to_contain_text(f"{name} works in namespace karvdash-{name}", timeout=PATIENCE)
    picture(page, server, "jupyterlab")


def test_anothers_host_is_refused(visit: Callable[..., Visit], server: NotebookServer, other: Person) -> None:
    visitor = visit(other)
    page = visitor.context.new_page()
    page.goto(server.url.replace(f"/user/{server.owner.name}/", "/"))
    sign_in(page, other)
    expect(page).to_have_url(re.compile("/hub/karvdash/grant"))
    expect(page.get_by_role("main")).to_contain_text(f"{server.owner.name}.localhost")
    # The browser's own note of the page's status.
    assert [line for line in visitor.wrong if "status of 403" not in line] == []
    visitor.wrong.clear()
    picture(page, server, "refused")


def test_a_profile_is_chosen_and_started_from_the_home_page(
    visit: Callable[..., Visit], person: Callable[..., Person], hub: HubProcess
) -> None:
    """KubeSpawner's profile_list works as it does without karvdash_hub."""
    hub.restart(f"c.KubeSpawner.profile_list = {PROFILES!r}")
    server = NotebookServer(person())
    page = visit(server.owner).sign_in()
    page.get_by_role("list", name="Your notebook").get_by_role("link", name="Start JupyterLab").click()
    page.get_by_label("Large").check()
    picture(page, server, "profiles")
    page.get_by_role("button", name="Start").click()
    try:
        expect(page).to_have_url(f"{server.url}lab", timeout=START * 1000)
        expect(page.get_by_role("tab", name="Launcher")).to_be_visible(timeout=PATIENCE)
        (pod,) = server.pods()
        assert pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == str(768 * 2**20)
        assert server.model()["user_options"] == {"profile": "large"}
    finally:
        page.close()
        server.stop()


def sign_in(page: Page, somebody: Person) -> None:
    """Fill in the Hub's sign-in page, which one is sent to."""
    page.fill("#username_input", somebody.name)
    page.fill("#password_input", somebody.password)
    page.click("#login_submit")


def picture(page: Page, server: NotebookServer, name: str) -> None:
    """Keep what is to be seen below the stack's state, for people to look at."""
    page.screenshot(path=server.owner.stack.state / "pictures" / f"{name}.png")
