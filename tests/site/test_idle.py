"""What nobody uses is stopped, after it was announced, unless somebody keeps it."""

from __future__ import annotations

import time

from tests.site.site import Account, Site
from tests.site.visitor import Visitor


def message(alice: Account, name: str) -> str:
    """What the home page says of a service."""
    return str(alice.api("GET", f"/karvdash/services/{name}/").json()["message"])


def test_what_nobody_uses_is_announced_kept_and_stopped(impatient: Site) -> None:
    """And what is used, or has no limit, goes on. Requests that are refused are no use."""
    alice = impatient.account()
    browser, stranger = Visitor(impatient).sign_in(alice), Visitor(impatient)
    templates = {"idle": "short", "lonely": "short", "used": "short", "kept": "short", "free": "echo"}
    hosts = {name: alice.launch(name, template) for name, template in templates.items()}
    assert browser.open(impatient.url(hosts["used"])).status == 200
    page = browser.hub("/hub/service/idle").data.decode()
    assert "It is stopped when nobody has used it for less than a minute" in page

    started, warned = time.monotonic(), ""
    while time.monotonic() - started < 60:
        browser.fetch(impatient.url(hosts["used"]))
        assert stranger.fetch(impatient.url(hosts["lonely"])).status in (302, 404)
        if "unless somebody does" in (page := browser.hub("/hub/service/kept").data.decode()):
            warned = page
            assert browser.post("/hub/service/kept/keep", headers={"Referer": ""}).status == 200
        ended = [
            alice.api("GET", f"/karvdash/services/{name}/").json()["state"] in ("stopping", "stopped")
            for name in ("idle", "lonely")
        ]
        if all(ended):
            break
        time.sleep(1)
    assert "Keep it" in warned
    for name in ("idle", "lonely"):
        alice.wait_for(name, "stopped")
        assert message(alice, name) == "It was stopped because nobody had used it for less than a minute."
    states = {
        name: alice.api("GET", f"/karvdash/services/{name}/").json()["state"]
        for name in ("used", "kept", "free")
    }
    assert states == {"used": "running", "kept": "running", "free": "running"}
    # Stopped and not forgotten: it starts with the settings it had.
    assert alice.api("POST", "/karvdash/services/idle/start").status_code < 300


def test_the_gate_alone_reports(impatient: Site) -> None:
    alice = impatient.account()
    used = {"activity": {f"web-{alice.name}.example.org": time.time()}}
    assert alice.api("POST", "/karvdash/gate/activity", used).status_code == 403
