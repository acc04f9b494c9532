"""Every door, as the owner, as somebody else, as nobody, and with a forged form."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.hub_http.conftest import Scene

# Method and path below /hub/api/karvdash/, body. {s} is the service, {t} the owner's template.
API_DOORS = [
    pytest.param("GET", "services/{s}/", None, id="read"),
    pytest.param("POST", "services/{s}/", {"command": ["true"]}, id="exec"),
    pytest.param("PATCH", "services/{s}/", {"variables": {"COUNT": 4}}, id="change"),
    pytest.param("DELETE", "services/{s}/", None, id="delete"),
    pytest.param("POST", "services/{s}/start", None, id="start"),
    pytest.param("POST", "services/{s}/stop", None, id="stop"),
    pytest.param("GET", "services/{s}/events", None, id="events"),
    pytest.param("GET", "services/{s}/logs", None, id="logs"),
    pytest.param("GET", "templates/{t}/", None, id="template"),
    pytest.param("DELETE", "templates/{t}/", None, id="template-delete"),
    pytest.param("POST", "templates/{t}/preview", {}, id="preview"),
]

PAGES = [
    pytest.param("GET", "service/{s}", {}, id="page"),
    pytest.param("POST", "service/{s}/start", {}, id="start"),
    pytest.param("POST", "service/{s}/stop", {}, id="stop"),
    pytest.param("POST", "service/{s}/change", {"var.COUNT": "4"}, id="change"),
    pytest.param("POST", "service/{s}/passwords", {}, id="passwords"),
    pytest.param("POST", "service/{s}/delete", {"confirm": "yes"}, id="delete"),
    pytest.param("GET", "launch/{t}", {}, id="form"),
    pytest.param("POST", "launch/{t}", {}, id="launch"),
    pytest.param("GET", "templates/{t}", {}, id="template"),
    pytest.param("POST", "templates/{t}/delete", {}, id="template-delete"),
]

FORMS = [door for door in PAGES if door.values[0] == "POST"] + [
    pytest.param("POST", "templates", {"data": "x"}, id="upload"),
    pytest.param("POST", "notebook/start", {}, id="notebook"),
]


def fill(path: str, scene: Scene) -> str:
    return path.format(s=scene.service, t=scene.template)


@pytest.fixture(autouse=True)
def untouched(scene: Scene) -> Any:
    """Whatever a stranger tries, the service runs on with its settings and the template is there."""
    yield
    service = scene.owner.service(scene.service)
    assert (service["state"], service["values"]["COUNT"]) == ("running", 3)
    assert scene.owner.api("GET", f"/karvdash/templates/{scene.template}/").status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), API_DOORS)
def test_the_api_hides_other_peoples_things(scene: Scene, method: str, path: str, body: Any) -> None:
    answer = scene.other.api(method, f"/karvdash/{fill(path, scene)}", json=body)
    assert answer.status_code == 404
    assert set(answer.json()) <= {"error", "errors"}


@pytest.mark.parametrize(("method", "path", "body"), API_DOORS)
def test_the_api_refuses_strangers(scene: Scene, method: str, path: str, body: Any) -> None:
    url = f"{scene.owner.stack.hub_url}/hub/api/karvdash/{fill(path, scene)}"
    answer = requests.request(method, url, json=body, timeout=60)
    assert answer.status_code == 403
    assert "Missing or invalid credentials" in answer.json()["error"]


@pytest.mark.parametrize(("method", "path", "fields"), PAGES)
def test_pages_hide_other_peoples_things(
    scene: Scene, method: str, path: str, fields: dict[str, str]
) -> None:
    session = scene.other_session
    send = session.get if method == "GET" else lambda page, **more: session.post(page, fields, **more)
    answer = send(f"/hub/{fill(path, scene)}", follow=False)
    assert answer.status_code == 404
    assert "talker" not in answer.text.lower().replace(scene.template, "").replace(scene.service, "")


@pytest.mark.parametrize(("method", "path", "fields"), PAGES)
def test_pages_send_strangers_to_the_sign_in(
    scene: Scene, method: str, path: str, fields: dict[str, str]
) -> None:
    url = f"{scene.owner.stack.hub_url}/hub/{fill(path, scene)}"
    answer = requests.request(method, url, data=fields, allow_redirects=False, timeout=60)
    if method == "GET":
        assert answer.status_code == 302
        assert "/hub/login" in answer.headers["Location"]
    else:
        assert answer.status_code == 403


@pytest.mark.parametrize(("method", "path", "fields"), FORMS)
def test_a_form_without_its_token_changes_nothing(
    scene: Scene, method: str, path: str, fields: dict[str, str]
) -> None:
    answer = scene.owner_session.request(
        method,
        f"/hub/{fill(path, scene)}",
        data=fields,
        # What a browser says of a form that another page sends.
        headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"},
        follow=False,
    )
    assert answer.status_code == 403
    assert "_xsrf" in answer.text


@pytest.mark.parametrize("path", ["services/", "events", "whoami"])
def test_another_origin_cannot_read_the_api_with_somebodys_cookies(scene: Scene, path: str) -> None:
    answer = scene.owner_session.get(
        f"/hub/api/karvdash/{path}",
        headers={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-site", "Origin": "http://x.localhost"},
    )
    assert answer.status_code == 403
    assert "_xsrf" in answer.json()["error"]


def test_a_token_opens_only_what_its_scopes_name(scene: Scene) -> None:
    made = scene.owner.api(
        "POST",
        f"/users/{scene.owner.name}/tokens",
        json={"scopes": [f"read:servers!server={scene.owner.name}/talker"]},
    )
    assert made.status_code == 201, made.text
    headers = {"Authorization": f"token {made.json()['token']}"}
    api = f"{scene.owner.stack.hub_url}/hub/api/karvdash"
    assert requests.get(f"{api}/services/talker/", headers=headers, timeout=60).status_code == 200
    assert requests.get(f"{api}/services/another/", headers=headers, timeout=60).status_code == 404
    assert requests.post(f"{api}/services/talker/stop", headers=headers, timeout=60).status_code == 403
    assert requests.get(f"{api}/templates/", headers=headers, timeout=60).status_code == 403
    assert scene.owner.name == requests.get(f"{api}/whoami", headers=headers, timeout=60).json()["user"]
