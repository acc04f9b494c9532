"""Who may pass: requests, hosts and visitors in, verdicts out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from karvdash_hub.gate.table import Host, Path
from karvdash_hub.gate.verdict import Reason, Request, Site, Verdict, Visitor, decide, header_text

SITE = Site("http://localhost:8000", "localhost:8000")
NOW = 1_000_000.0
OWN = "http://web-alice.localhost:8000"
EVIL = "http://evil-bob.localhost:8000"
GET = Request("web-alice.localhost")
POST = replace(GET, method="POST")
SOCKET = replace(GET, upgrade=True, origin=OWN)
ALICE = Visitor("alice")
PROGRAM = Visitor("alice", "token")
BOB = Visitor("bob", "token", "refused")


def host(
    *, auth: bool = True, age: float = 3600, endpoints: tuple[str, ...] = ("10.1.0.5:80",), paths: int = 1
) -> Host:
    """A server with ``paths`` routes: ``/``, ``/1``, ``/2``, to a port each."""
    routes = [Path(f"/{n}" if n else "/", False, "web", str(80 + n), endpoints) for n in range(paths)]
    ordered = tuple(reversed(routes))
    return Host("web-alice.localhost", "alice", "web", "karvdash-alice", auth, NOW - age, ordered)


def silent(age: float) -> Host:
    """A server without a pod that is ready."""
    return host(endpoints=(), age=age)


PASS = Verdict(200, ("10.1.0.5:80",), "alice", lasting=True)
SIGN_IN = Verdict(401, reason="sign-in", navigation=True)
ONCE = replace(PASS, lasting=False)
OPEN = replace(PASS, user="")
NO_PAGE = Verdict(401, reason="sign-in")


def no(reason: Reason, user: str = "alice") -> Verdict:
    """The verdict that is a page."""
    return Verdict(403, user=user, reason=reason)


@pytest.mark.parametrize(
    ("request_", "table", "visitor", "expected"),
    [
        pytest.param(GET, host(), ALICE, PASS, id="signed in"),
        pytest.param(GET, host(), PROGRAM, PASS, id="with a token"),
        pytest.param(GET, host(paths=2), ALICE, ONCE, id="not repeated: two backends"),
        # Nobody we know: only a person on the way to a page is sent to sign in.
        pytest.param(GET, host(), None, SIGN_IN, id="stranger"),
        pytest.param(GET, None, None, SIGN_IN, id="stranger at no host: the same"),
        pytest.param(replace(GET, mode="navigate"), host(), None, SIGN_IN, id="stranger's browser"),
        pytest.param(replace(GET, mode="cors"), host(), None, NO_PAGE, id="stranger's fetch"),
        pytest.param(replace(GET, mode="no-cors"), host(), None, NO_PAGE, id="stranger's image"),
        pytest.param(replace(GET, mode="websocket"), host(), None, NO_PAGE, id="stranger's websocket"),
        pytest.param(SOCKET, host(), None, NO_PAGE, id="stranger's upgrade"),
        pytest.param(POST, host(), None, NO_PAGE, id="stranger's POST"),
        pytest.param(replace(GET, method="HEAD"), host(), None, NO_PAGE, id="stranger's HEAD"),
        # Known, and no.
        pytest.param(GET, host(), BOB, no("not-yours", "bob"), id="refused"),
        pytest.param(
            GET,
            None,
            BOB,
            no("not-yours", "bob"),
            id="refused at no host: the same",
        ),
        pytest.param(
            GET, host(), Visitor("", "token", "unknown"), no("hub-away", ""), id="the Hub does not say"
        ),
        pytest.param(GET, None, ALICE, no("gone"), id="stopped since"),
        # Foreign pages.
        pytest.param(POST, host(), ALICE, PASS, id="POST of no browser"),
        pytest.param(replace(POST, origin=OWN), host(), ALICE, PASS, id="own POST"),
        pytest.param(
            replace(POST, origin=EVIL),
            host(),
            ALICE,
            no("origin"),
            id="foreign POST",
        ),
        pytest.param(
            replace(POST, origin="http://web-alice.localhost"),
            host(),
            ALICE,
            no("origin"),
            id="another port is foreign",
        ),
        pytest.param(
            replace(POST, origin="https://web-alice.localhost:8000"),
            host(),
            ALICE,
            no("origin"),
            id="another scheme is foreign",
        ),
        pytest.param(replace(POST, origin="null"), host(), ALICE, no("origin"), id="null is foreign"),
        pytest.param(
            replace(POST, method="DELETE", origin="http://localhost:8000"),
            host(),
            ALICE,
            no("origin"),
            id="the Hub's pages are foreign",
        ),
        pytest.param(replace(GET, origin=EVIL), host(), ALICE, PASS, id="foreign GET"),
        pytest.param(SOCKET, host(), ALICE, PASS, id="own websocket"),
        pytest.param(
            replace(SOCKET, origin=EVIL),
            host(),
            ALICE,
            no("origin"),
            id="foreign websocket",
        ),
        pytest.param(
            replace(POST, origin=EVIL),
            host(),
            PROGRAM,
            PASS,
            id="a token is not sent unasked",
        ),
        # Open to all.
        pytest.param(GET, host(auth=False), None, OPEN, id="open to strangers"),
        pytest.param(GET, host(auth=False), ALICE, PASS, id="open, and known"),
        pytest.param(
            replace(POST, origin=EVIL),
            host(auth=False),
            None,
            OPEN,
            id="open, with a check of its own",
        ),
        # Not now.
        pytest.param(GET, silent(5), ALICE, no("starting"), id="no pod yet"),
        pytest.param(GET, silent(59), ALICE, no("starting"), id="still not"),
        pytest.param(GET, silent(61), ALICE, no("failing"), id="not after a minute"),
        pytest.param(GET, host(paths=0, age=5), ALICE, no("starting"), id="no Ingress yet"),
        pytest.param(GET, host(paths=0, age=11), ALICE, no("no-web"), id="no Ingress"),
        pytest.param(
            GET,
            replace(host(), paths=(Path("/x", False, "web", "80", ("10.1.0.5:80",)),)),
            ALICE,
            no("no-path"),
            id="no such path",
        ),
        pytest.param(GET, replace(silent(5), auth=False), None, no("starting", ""), id="open and starting"),
    ],
)
def test_one_verdict_for_each_request(
    request_: Request, table: Host | None, visitor: Visitor | None, expected: Verdict
) -> None:
    assert expected == decide(request_, table, visitor, SITE, NOW)


def test_the_login_address_carries_the_whole_address() -> None:
    """An ampersand in it used to cut it off."""
    address = SITE.login("web-alice.localhost", "/a?b=1&c=%26#d")
    assert address == (
        "http://localhost:8000/hub/karvdash/grant"
        "?host=web-alice.localhost%3A8000&next=%2Fa%3Fb%3D1%26c%3D%2526%23d"
    )


@pytest.mark.parametrize(
    ("site", "origin"),
    [
        pytest.param(SITE, "http://x.localhost:8000", id="with a port"),
        pytest.param(
            Site("https://e.org", "e.org", "https"), "https://x.localhost", id="the scheme's own port"
        ),
    ],
)
def test_origins_are_written_as_browsers_do(site: Site, origin: str) -> None:
    assert origin == site.origin("x.localhost")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("alice", "alice", id="plain"),
        pytest.param("a.b+c@d.e", "a.b+c@d.e", id="an address"),
        pytest.param("josé", "jos%C3%A9", id="beyond ASCII"),
        pytest.param("a\r\nb%", "a%0D%0Ab%25", id="line breaks and percent signs"),
    ],
)
def test_user_names_fit_into_a_header(name: str, expected: str) -> None:
    assert expected == header_text(name)


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        pytest.param(OWN, True, id="its own"),
        pytest.param("http://bolt-web-alice.localhost:8000", True, id="the server's other host"),
        pytest.param("https://app.example.org", True, id="listed by its template"),
        pytest.param("http://app.example.org", False, id="listed with another scheme"),
        pytest.param("http://bolt-web-bob.localhost:8000", False, id="another server's other host"),
        pytest.param("http://bolt-web-alice.localhost", False, id="another port"),
        pytest.param("null", False, id="null"),
    ],
)
def test_who_is_no_stranger(origin: str, passes: bool) -> None:
    known = replace(host(), sisters=("bolt-web-alice.localhost",), origins=("https://app.example.org",))
    for request in (replace(POST, origin=origin), replace(SOCKET, origin=origin)):
        verdict = decide(request, known, ALICE, SITE, NOW)
        assert (verdict.status, verdict.reason) == ((200, "") if passes else (403, "origin"))
