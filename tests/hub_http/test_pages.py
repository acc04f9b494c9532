"""What people see, without JavaScript: listing, launching, opening, changing, deleting."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
import time
from collections.abc import Callable

import pytest
import requests

from tests.fixtures.stacks import Person
from tests.hub_http.conftest import Scene
from tests.hub_http.session import Session, sign_in
from tests.hub_http.templates import BROKEN

PAGES = ["home", "catalogue", "launch/redis", "service/talker", "karvdash/grant?host=nosuch.localhost"]


def words(page: str) -> str:
    """The text of a page as it is read, on one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.mark.parametrize("path", PAGES)
def test_scripts_come_from_our_files_only(scene: Scene, path: str) -> None:
    """The one inline script is JupyterHub's, in the head, and the policy names exactly it."""
    answer = scene.owner_session.get(f"/hub/{path}")
    head, _, body = answer.text.partition("</head>")
    assert not re.search(r"<script(?![^>]*\bsrc=)", body)
    assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", body)
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", head, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    policy = answer.headers["Content-Security-Policy"]
    allowed = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert f"script-src 'self' 'sha256-{digests[0]}'" == allowed
    assert "frame-ancestors 'none'" in policy


def test_what_an_author_wrote_stays_text(scene: Scene) -> None:
    for path in ("home", "catalogue", f"launch/{scene.template}"):
        page = scene.owner_session.get(f"/hub/{path}").text
        assert "<script>alert(1)" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_a_new_persons_home_page_launches_something_in_one_step(signed_in: Session) -> None:
    page = signed_in.get("/hub/home").text
    assert "Nothing runs yet" in words(page)
    answer = signed_in.post("/hub/launch/hello-kubernetes", {"defaults": "1"})
    assert answer.status_code == 200
    assert answer.url.endswith("/hub/service/hello-kubernetes")
    assert "Hello Kubernetes" in words(answer.text)
    again = signed_in.post("/hub/launch/hello-kubernetes", {"defaults": "1"})
    assert again.url.endswith("/hub/service/hello-kubernetes-2")


def test_the_home_page_lists_name_template_state_and_the_right_button(scene: Scene) -> None:
    page = words(scene.owner_session.get("/hub/home").text)
    assert "talker Talker Running" in page
    assert "Connect to talker" in page


def test_a_mistake_stands_beside_its_field_and_nothing_typed_is_lost(scene: Scene) -> None:
    answer = scene.owner_session.post(
        f"/hub/launch/{scene.template}",
        {"var.NAME": "new-one", "var.COUNT": "77", "var.LEVEL": "low", "size.memory": "lots"},
    )
    assert answer.status_code == 400
    field = re.search(r'id="var-COUNT".*?data-error="COUNT">(.*?)</p>', answer.text, re.DOTALL)
    assert field is not None
    assert html.unescape(field[1]) == "Count must be at most 5."
    assert 'value="77"' in answer.text
    assert 'value="new-one"' in answer.text
    assert 'value="lots"' in answer.text
    # A password may be among what is shown again.
    assert answer.headers["Cache-Control"] == "no-store"
    assert scene.owner.api("GET", "/karvdash/services/new-one/").status_code == 404


def test_an_upload_with_mistakes_shows_all_of_them_and_the_text(scene: Scene) -> None:
    answer = scene.owner_session.post("/hub/templates", {"data": BROKEN})
    assert answer.status_code == 422
    page = words(answer.text)
    for place in ("variables[0].default", "variables[1].type", "document 3, variables"):
        assert place in page
    assert "name: Broken" in page


@pytest.mark.parametrize(
    ("file", "status", "said"),
    [
        pytest.param(b"", 400, "Choose a file", id="nothing"),
        pytest.param(b"\xff\xfe\x00", 422, "not UTF-8", id="not-text"),
        pytest.param(b"x" * 2_200_000, 413, "at most", id="too-large"),
        pytest.param(b"key: [", 422, "mistakes", id="not-yaml"),
    ],
)
def test_a_file_that_is_no_template(scene: Scene, file: bytes, status: int, said: str) -> None:
    answer = scene.owner_session.post("/hub/templates", files={"file": ("x.yaml", file)})
    assert status == answer.status_code
    assert said in words(answer.text)


def test_a_broken_template_in_the_namespace_is_shown_to_its_owner_alone(scene: Scene) -> None:
    """Made with kubectl, as Karvdash's documentation allows, and never offered for launch."""
    namespace = f"karvdash-{scene.owner.name}"
    manifest = {
        "apiVersion": "karvdash.carv.ics.forth.gr/v1",
        "kind": "Template",
        "metadata": {"name": "by-hand", "namespace": namespace},
        "spec": {"data": base64.b64encode(BROKEN.encode()).decode()},
    }
    cluster = scene.owner.stack.cluster
    cluster.kubectl("apply", "-f", "-", text_in=json.dumps(manifest))
    try:
        page = _until(lambda: scene.owner_session.get("/hub/catalogue").text, "by-hand")
        assert "Templates that cannot be used by-hand" in words(page)
        assert "variables[0].default" in page
        assert "by-hand" not in scene.other_session.get("/hub/catalogue").text
    finally:
        scene.owner_session.post("/hub/templates/by-hand/delete")


def test_the_catalogue_can_be_searched(scene: Scene) -> None:
    page = scene.owner_session.get("/hub/catalogue?q=talk").text
    assert f"launch/{scene.template}" in page
    assert "launch/redis" not in page
    assert "No service template matches" in words(
        scene.owner_session.get("/hub/catalogue?q=nosuchthing").text
    )


def test_a_templates_text_is_sent_as_text(scene: Scene) -> None:
    answer = scene.owner_session.get(f"/hub/templates/{scene.template}")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "kind: Template" in answer.text


def test_passwords_are_shown_on_demand_only(scene: Scene) -> None:
    page = scene.owner_session.get("/hub/service/talker").text
    assert "s3cret-word" not in page
    shown = scene.owner_session.post("/hub/service/talker/passwords")
    assert "s3cret-word" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"


def test_deleting_asks_first_and_says_what_goes(scene: Scene) -> None:
    page = words(scene.owner_session.get("/hub/service/talker").text)
    assert "deleting forgets them. It has no data that outlives a stop." in page
    answer = scene.owner_session.post("/hub/service/talker/delete")
    assert answer.status_code == 400
    assert "Tick the box" in words(answer.text)
    assert scene.owner.service("talker")["state"] == "running"


def test_a_service_is_launched_changed_stopped_started_and_deleted_with_forms(
    person: Callable[..., Person],
) -> None:
    somebody = person()
    session = sign_in(somebody)
    session.post("/hub/launch/hello-kubernetes", {"var.NAME": "mine", "var.MESSAGE": "first"})
    somebody.wait_for("mine", "running")
    session.post("/hub/service/mine/change", {"var.MESSAGE": "second"})
    assert somebody.wait_for("mine", "running")["values"]["MESSAGE"] == "second"
    session.post("/hub/service/mine/stop")
    somebody.wait_for("mine", "stopped")
    session.post("/hub/service/mine/start")
    assert somebody.wait_for("mine", "running")["values"]["MESSAGE"] == "second"
    answer = session.post("/hub/service/mine/delete", {"confirm": "yes"})
    assert answer.url.endswith("/hub/home")
    _until(lambda: str(somebody.api("GET", "/karvdash/services/mine/").status_code), "404")


def test_somebody_elses_address_and_no_address_get_the_same_page(scene: Scene) -> None:
    hello = scene.owner.api("POST", "/karvdash/services/", json={"id": "hello-kubernetes", "NAME": "page"})
    host = hello.json()["url"].split("/")[2]
    pages = [
        scene.other_session.get(f"/hub/karvdash/grant?host={asked}")
        for asked in (host, host.replace("page-", "nopage-"))
    ]
    assert [page.status_code for page in pages] == [403, 403]
    texts = [words(page.text).replace("nopage-", "page-") for page in pages]
    assert texts[0] == texts[1]
    assert f"You are signed in as {scene.other.name}" in texts[0]
    assert scene.owner.name not in texts[0].replace(host, "")
    scene.owner.api("DELETE", "/karvdash/services/page/")


def test_jupyterhubs_address_leads_to_the_service_and_nobody_else_there(scene: Scene) -> None:
    scene.owner.api("POST", "/karvdash/services/", json={"id": "hello-kubernetes", "NAME": "way"})
    url = scene.owner.wait_for("way", "running")["url"]
    path = f"/hub/user/{scene.owner.name}/way/a%20b/c?d=1&e=%2F"
    answer = scene.owner_session.get(path, follow=False)
    assert (302, f"{url}a%20b/c?d=1&e=%2F") == (answer.status_code, answer.headers["Location"])
    assert scene.other_session.get(path, follow=False).status_code == 404
    stranger = requests.get(scene.owner.stack.hub_url + path, allow_redirects=False, timeout=60)
    assert "/hub/login" in stranger.headers["Location"]
    scene.owner.api("DELETE", "/karvdash/services/way/")


def test_our_scripts_and_styles_are_small(scene: Scene) -> None:
    """At most 20 KB compressed beside JupyterHub's frame, and kept by browsers."""
    page = scene.owner_session.get("/hub/service/talker").text
    files = set(re.findall(r'"(/hub/karvdash/static/[^"]+)"', page))
    assert {"karvdash.css", "karvdash.js", "events.js"} <= {
        path.split("/")[-1].split("?")[0] for path in files
    }
    answers = [scene.owner_session.get(path) for path in sorted(files)]
    assert all("max-age" in answer.headers["Cache-Control"] for answer in answers)
    assert sum(len(gzip.compress(answer.content)) for answer in answers) <= 20_000


def _until(read: Callable[[], str], wanted: str) -> str:
    """Read until it contains ``wanted``; fail with what was read last."""
    for _ in range(100):
        if wanted in (text := read()):
            return text
        time.sleep(0.1)
    raise AssertionError(f"{wanted!r} is not in: {text}")
