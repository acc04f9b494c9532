"""Bad input over HTTP: a clear error that names the place, and nothing left behind."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.hub_http.conftest import Scene


@pytest.fixture(autouse=True)
def nothing_left(scene: Scene) -> Any:
    """Afterwards there is one service, as before."""
    yield
    listed = scene.owner.api("GET", "/karvdash/services/").json()["objects"]
    assert [service["name"] for service in listed] == ["talker"]


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        pytest.param({}, 400, "id", id="no-template"),
        pytest.param({"id": 3}, 400, "id", id="template-is-a-number"),
        pytest.param({"id": "nosuch"}, 404, "nosuch", id="unknown-template"),
        pytest.param({"id": "../redis"}, 404, "../redis", id="template-is-a-path"),
        pytest.param({"COLOUR": "red"}, 400, "COLOUR", id="undeclared"),
        pytest.param({"HOSTNAME": "example.com"}, 400, "HOSTNAME", id="reserved"),
        pytest.param({"COUNT": "many"}, 400, "COUNT", id="wrong-type"),
        pytest.param({"COUNT": [1]}, 400, "COUNT", id="a-list"),
        pytest.param({"COUNT": 6}, 400, "COUNT", id="out-of-bounds"),
        pytest.param({"LEVEL": "mid"}, 400, "LEVEL", id="not-a-choice"),
        pytest.param({"LEVEL": "low\n---\nkind: Pod"}, 400, "LEVEL", id="a-document"),
        pytest.param({"NAME": "Talker"}, 400, "Talker", id="capital"),
        pytest.param({"NAME": "a" * 31}, 400, "30", id="too-long"),
        pytest.param({"NAME": "a--b"}, 400, "a--b", id="two-hyphens"),
        pytest.param({"NAME": "a/b"}, 400, "a/b", id="slash"),
        pytest.param({"NAME": "karvdash-x"}, 400, "karvdash-x", id="reserved-name"),
        pytest.param({"SECRET": "x" * 1_000_000}, 400, "SECRET", id="a-megabyte"),
        pytest.param({"size": "big"}, 400, "size", id="size-is-a-word"),
        pytest.param({"size": {"cpu": "lots"}}, 400, "size.cpu", id="size-is-no-quantity"),
        pytest.param({"size": {"disk": "1Gi"}}, 400, "disk", id="size-of-what"),
    ],
)
def test_a_launch_is_refused_in_words(scene: Scene, body: dict[str, Any], status: int, named: str) -> None:
    sent = body if "id" in body or not body else {"id": scene.template, "NAME": "fresh", **body}
    answer = scene.owner.api("POST", "/karvdash/services/", json=sent)
    assert status == answer.status_code, answer.text[:500]
    assert named in str(answer.json())
    assert len(answer.text) < 5000
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("raw", "status", "named"),
    [
        pytest.param(b"{", 400, "not JSON", id="half"),
        pytest.param(b"[]", 400, "JSON object", id="a-list"),
        pytest.param(b"\xff\xfe", 400, "not JSON", id="not-text"),
        pytest.param(b'{"COUNT": NaN}', 400, "NaN", id="nan"),
        pytest.param(b'{"a":' * 5000, 400, "not JSON", id="deep"),
        pytest.param(b'{"a": "' + b"x" * 2_200_000 + b'"}', 413, "at most", id="too-large"),
    ],
)
def test_a_body_that_is_no_json_object(scene: Scene, raw: bytes, status: int, named: str) -> None:
    answer = requests.post(
        f"{scene.owner.stack.hub_url}/hub/api/karvdash/services/",
        data=raw,
        headers={"Authorization": f"token {scene.owner.token}"},
        timeout=60,
    )
    assert status == answer.status_code, answer.text[:300]
    assert named in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        pytest.param("PATCH", "services/talker/", {"COUNT": 4}, "COUNT", id="patch-unknown-field"),
        pytest.param("PATCH", "services/talker/", {"variables": 3}, "variables", id="patch-no-object"),
        pytest.param("POST", "services/talker/", {"command": []}, "command", id="exec-nothing"),
        pytest.param("POST", "services/talker/", {"command": "echo 'x"}, "command", id="exec-open-quote"),
        pytest.param("POST", "services/talker/", {"cmd": ["ls"]}, "cmd", id="exec-unknown-field"),
        pytest.param("POST", "templates/", {"data": ""}, "data", id="template-empty"),
        pytest.param("POST", "templates/", {"text": "x"}, "text", id="template-unknown-field"),
        pytest.param("GET", "services/talker/logs?tail=-1", None, "tail", id="log-tail"),
    ],
)
def test_other_requests_name_the_field(scene: Scene, method: str, path: str, body: Any, named: str) -> None:
    answer = scene.owner.api(method, f"/karvdash/{path}", json=body)
    assert answer.status_code == 400
    assert named in answer.text


def test_all_mistakes_come_at_once(scene: Scene) -> None:
    body = {"id": scene.template, "NAME": "fresh", "COUNT": 99, "LEVEL": "mid", "COLOUR": "red"}
    answer = scene.owner.api("POST", "/karvdash/services/", json=body).json()
    assert {"COUNT", "LEVEL", "COLOUR"} == {error["field"] for error in answer["errors"]}
