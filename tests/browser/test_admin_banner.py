"""The banner of the self-test, on narrow and wide screens, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from demo.stack import Stack
from karvdash_hub.selftest import Check, Report
from karvdash_hub.store import SELFTEST, Store
from tests.browser.conftest import Visit
from tests.fixtures.stacks import Person

GOOD = Check("rights", "A user lists pods.", "ok", "Kubernetes refuses it.")
BAD = Check("network", "A pod connects.", "failed", "It <b>can</b>.", "Install a network plugin.")


@pytest.fixture
def found(stack: Stack) -> Iterator[Callable[[Report | str], None]]:
    """Keep a result as the command does; afterwards the one of before."""
    store = Store(f"sqlite:///{stack.hub_dir}/karvdash.sqlite")
    before = store.meta(SELFTEST)
    yield lambda result: store.set_meta(SELFTEST, result if isinstance(result, str) else result.to_json())
    store.set_meta(SELFTEST, before or "")
    store.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_failed(
    visit: Callable[..., Visit],
    person: Callable[..., Person],
    found: Callable[[Report | str], None],
    width: int,
    scheme: str,
) -> None:
    found(Report((GOOD, BAD), "2026-11-21T16:11:10+00:00"))
    someone = visit(person(admin=True), viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = someone.sign_in()
    page.goto(f"{someone.hub}/hub/admin")
    banner = page.get_by_role("complementary", name="Self-test of the cluster")
    expect(banner).to_contain_text("This cluster does not keep users apart as it should.")
    # What was found is text, whatever it holds.
    expect(banner.get_by_role("listitem")).to_have_text(
        ["It <b>can</b>. Install a network plugin. Tried: A pod connects."]
    )
    box = banner.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


@pytest.mark.parametrize(
    ("result", "title"),
    [
        pytest.param("", "Nobody knows yet whether this cluster keeps users apart.", id="never run"),
        pytest.param("{", "Nobody knows yet whether this cluster keeps users apart.", id="unreadable"),
        pytest.param(Report((GOOD,), "2026-11-21T16:11:10+00:00"), "", id="all is well"),
    ],
)
def test_what_else_there_may_be(
    visit: Callable[..., Visit],
    person: Callable[..., Person],
    found: Callable[[Report | str], None],
    result: Report | str,
    title: str,
) -> None:
    found(result)
    someone = visit(person(admin=True))
    page = someone.sign_in()
    page.goto(f"{someone.hub}/hub/admin")
    expect(page.get_by_role("button", name="Shutdown Hub")).to_be_visible()
    banner = page.get_by_role("complementary", name="Self-test of the cluster")
    if title:
        expect(banner).to_contain_text(title)
    else:
        expect(banner).to_have_count(0)
