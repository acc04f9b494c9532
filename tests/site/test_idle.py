"""What nobody uses is stopped, after it was announced, unless somebody keeps it."""

from __future__ import annotations

import time

from tests.site.site import Account, Site
from tests.site.visitor import Visitor


def message(alice: Account, name: str) -> str:
    """What the home page says of a service."""
    return str(alice.api("GET", f"/karvdash/services/{name}/").json()["message"])


def test_what_nobody_uses_is_announced_kept_and_stopped(impatient: Site) -> None:
    """And what is used, or has no limit, goes on."""
    alice = impatient.account()
    browser = Visitor(impatient).sign_in(alice)
    templates = {"idle": "short", "used": "short", "kept": "short", "free": "echo"}
    used = {name: alice.launch(name, template) for name, template in templates.items()}["used"]
    assert browser.open(impatient.url(used)).status == 200
    page = browser.hub("/hub/service/idle").data.decode()
    assert "It is stopped when nobody has used it for less than a minute" in page

    started, warned = time.monotonic(), ""
    while time.monotonic() - started < 60:
        browser.fetch(impatient.url(used))
        if "unless somebody does" in (page := browser.hub("/hub/service/kept").data.decode()):
            warned = page
            assert browser.post("/hub/service/kept/keep", headers={"Referer": ""}).status == 200
        if alice.api("GET", "/karvdash/services/idle/").json()["state"] in ("stopping", "stopped"):
            break
        time.sleep(1)
    assert "Keep it" in warned
    alice.wait_for("idle", "stopped")
    assert message(alice, "idle") == "It was stopped because nobody had used it for less than a minute."
    states = {
        name: alice.api("GET", f"/karvdash/services/{name}/").json()["state"]
        for name in ("used", "kept", "free")
    }
    assert states == {"used": "running", "kept": "running", "free": "running"}
    # Stopped and not forgotten: it starts with the settings it had.
    assert alice.api("POST", "/karvdash/services/idle/start").status_code < 300


def test_strangers_keep_nothing_awake(impatient: Site) -> None:
    """Refused requests are no use of a service; the gate alone may report."""
    alice = impatient.account()
    host = alice.launch("lonely", "short")
    stranger, deadline = Visitor(impatient), time.monotonic() + 60
    while alice.api("GET", "/karvdash/services/lonely/").json()["state"] != "stopped":
        assert stranger.fetch(impatient.url(host)).status == 302
        assert time.monotonic() < deadline
        time.sleep(1)
    used = {"activity": {host: time.time()}}
    assert alice.api("POST", "/karvdash/gate/activity", used).status_code == 403
