"""prompt and max_age, with the page that asks for the password again: OpenID Connect Core 3.1.2.1."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from tornado.web import create_signed_value

from tests.oidc.conftest import CHEAP_HASH, PASSWORD, ProviderHub
from tests.oidc.party import Browser, Party, returned

COOKIE = "karvdash-auth-time"


def signed_in_at(hub: ProviderHub, browser: Browser, when: float, name: str = "") -> None:
    """Let a browser say that the person signed in then. Only the Hub's secret can."""
    value = json.dumps([name or browser.name, when])
    browser.cookies[COOKIE] = create_signed_value(hub.cookie_secret, COOKIE, value).decode()


def auth_time(party: Party, code: str) -> int:
    return int(party.verify(party.token(code=code).json()["id_token"])["auth_time"])


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_the_password_is_asked_for(
    party: Party, hub: ProviderHub, somebody: Callable[[], Browser], prompt: str
) -> None:
    browser = somebody()
    signed_in_at(hub, browser, time.time() - 7200)
    asked = int(time.time())
    page = party.ask(browser, prompt=prompt)
    assert page.status_code == 200
    assert "wants to be sure that it is still you" in page.text
    wrong = browser.submit(page, password="wrong")
    assert (wrong.status_code, "The password is wrong" in wrong.text) == (403, True)
    right = browser.submit(wrong, password=browser.password)
    assert right.status_code == 303
    last = browser.get(right.headers["Location"], follow=False)
    if "consent" in prompt:
        last = browser.get(browser.submit(last, decision="allow").headers["Location"], follow=False)
    answer = returned(last)
    assert (answer["state"], auth_time(party, answer["code"]) >= asked) == ("st4te", True)
    # That was for this request: the next one asks again.
    assert party.ask(browser, prompt=prompt).status_code == 200


@pytest.mark.parametrize(
    ("max_age", "age", "asks"),
    [
        pytest.param("3600", 60, False, id="fresh"),
        pytest.param("3600", 3700, True, id="old"),
        pytest.param("1", 60, True, id="one-second"),
        pytest.param("0", 5, True, id="zero"),
        pytest.param(None, 10 * 86400, False, id="not-asked"),
        pytest.param("10000000", 10 * 86400, False, id="long"),
    ],
)
def test_max_age(
    party: Party, hub: ProviderHub, somebody: Callable[[], Browser], max_age: str | None, age: int, asks: bool
) -> None:
    browser = somebody()
    signed_in = time.time() - age
    signed_in_at(hub, browser, signed_in)
    page = party.ask(browser, max_age=max_age)
    if not asks:
        assert auth_time(party, returned(page)["code"]) == int(signed_in)
        return
    assert returned(party.ask(browser, max_age=max_age, prompt="none"))["error"] == "login_required"
    back = browser.submit(page, password=browser.password).headers["Location"]
    answer = returned(browser.get(back, follow=False))  # no loop, even for max_age=0
    assert auth_time(party, answer["code"]) > signed_in


def test_prompt_none(party: Party, hub: ProviderHub, alice: Browser) -> None:
    assert "code" in returned(party.ask(alice, prompt="none"))
    answer = returned(party.ask(Browser(hub.url, "", ""), prompt="none"))
    assert answer == {"error": "login_required", "state": "st4te", "iss": party.issuer}


@pytest.mark.parametrize(
    "cookie",
    [
        pytest.param(None, id="missing"),
        pytest.param("x", id="made-up"),
        pytest.param("other", id="somebody-elses"),
        pytest.param("foreign", id="signed-with-another-secret"),
    ],
)
def test_an_unknown_time_is_asked_for(
    party: Party, hub: ProviderHub, somebody: Callable[[], Browser], cookie: str | None
) -> None:
    """auth_time is never guessed, RFC 9068 or not: without it there is no code."""
    browser = somebody()
    del browser.cookies[COOKIE]
    if cookie == "other":
        signed_in_at(hub, browser, time.time(), name="alice")
    elif cookie == "foreign":
        value = json.dumps([browser.name, time.time()])
        browser.cookies[COOKIE] = create_signed_value("x" * 32, COOKIE, value).decode()
    elif cookie:
        browser.cookies[COOKIE] = cookie
    assert "wants to be sure" in party.ask(browser).text
    assert returned(party.ask(browser, prompt="none"))["error"] == "login_required"


def test_the_way_back_is_for_one_request_only(
    party: Party, other: Party, somebody: Callable[[], Browser]
) -> None:
    browser = somebody()
    page = party.ask(browser, prompt="login", state="one")
    back = browser.submit(page, password=browser.password).headers["Location"]
    ticket = back.partition("karvdash_visit=")[2]
    assert "code" in returned(browser.get(back, follow=False))
    for url in (
        party.url(prompt="login", state="two"),
        party.url(prompt="login", state="one", nonce="other"),
        other.url(prompt="login", state="one"),
    ):
        again = browser.get(f"{url}&karvdash_visit={ticket}", follow=False)
        assert "wants to be sure" in again.text
    for made_up in ("x", "2|1:0|10:1|19:karvdash-oidc-visit|4:e30=|00"):
        again = browser.get(f"{party.url(prompt='login')}&karvdash_visit={made_up}", follow=False)
        assert again.status_code == 200
        assert "wants to be sure" in again.text


def test_forged_forms(party: Party, hub: ProviderHub, somebody: Callable[[], Browser]) -> None:
    browser, thief = somebody(), somebody()
    page = party.ask(browser, prompt="login")
    for token in ("x", "", thief.cookies["_xsrf"]):
        assert browser.submit(page, password=browser.password, _xsrf=token).status_code == 403
    fields = {"query": "client_id=x", "ticket": "x", "password": thief.password}
    assert thief.post("/hub/oidc/sign-in", fields, follow=False).status_code == 400
    nobody = Browser(hub.url, "", "")
    nobody.get("/hub/login")
    assert nobody.post("/hub/oidc/sign-in", fields, follow=False).status_code == 403
    assert browser.get("/hub/oidc/sign-in", follow=False).status_code == 405


def test_signing_in_for_the_first_time_is_enough(party: Party, hub: ProviderHub) -> None:
    """Who has just signed in for a request with prompt=login is not asked twice."""
    hub.store.add_account("newcomer", CHEAP_HASH, admin=False)
    browser = Browser(hub.url, "newcomer", PASSWORD)
    sent = party.ask(browser, prompt="login", max_age="0")
    browser.get(sent.headers["Location"])
    fields = {"username": browser.name, "password": browser.password}
    back = browser.post(sent.headers["Location"], fields, follow=False).headers["Location"]
    assert "code" in returned(browser.get(back, follow=False))
