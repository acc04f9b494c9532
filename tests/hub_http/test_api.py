"""/hub/api/karvdash/ does what docs/reference/api.md says, and what Karvdash's own client expects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.fixtures.stacks import Person
from tests.hub_http.conftest import Scene
from tests.hub_http.templates import BROKEN, PAUSE


def events(answer: requests.Response) -> Iterator[tuple[str, Any, str]]:
    """Read server-sent events: (event, data, id)."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], json.loads(fields["data"]), fields.get("id", "")
            fields = {}


def test_karvdashs_own_client_is_understood(scene: Scene) -> None:
    """Its token in lower case after "Token", lists as objects, variables beside the id, no final slash."""
    base = f"{scene.owner.stack.hub_url}/hub/api/karvdash"
    headers = {"Authorization": f"Token {scene.owner.token.lower()}"}
    for path in ("services", "services/"):
        listed = requests.get(f"{base}/{path}", headers=headers, timeout=60).json()["objects"]
        assert [service["name"] for service in listed] == ["talker"]
    templates = requests.get(f"{base}/templates/", headers=headers, timeout=60).json()["objects"]
    assert {"id", "name", "description", "singleton", "auth", "datasets", "variables", "custom"} <= set(
        templates[0]
    )
    done = requests.post(
        f"{base}/services/talker/",
        headers=headers,
        data=json.dumps({"command": ["echo", "hello"], "all_pods": "1"}),  # no JSON content type
        timeout=60,
    )
    assert done.json() == {"result": ["hello\n"], "status": [0]}


def test_a_service_is_described_without_its_passwords(scene: Scene) -> None:
    service = scene.owner.service("talker")
    assert {
        "name", "url", "created", "actions", "template", "state", "message", "endpoints", "values",
        "display_name", "size", "percent", "started",
    } == set(service)  # fmt: skip
    assert service["values"] == {"NAME": "talker", "COUNT": 3, "LEVEL": "low"}
    assert "s3cret-word" not in json.dumps(service)


def test_a_command_tells_its_exit_status(scene: Scene) -> None:
    answer = scene.owner.api(
        "POST", "/karvdash/services/talker/", json={"command": "sh -c 'echo no; exit 3'"}
    )
    assert answer.json() == {"result": ["no\n"], "status": [3]}


def test_a_taken_name_gets_a_suffix(scene: Scene) -> None:
    answer = scene.owner.api("POST", "/karvdash/services/", json={"id": scene.template, "NAME": "talker"})
    assert answer.status_code == 201
    name = answer.json()["name"]
    assert name.startswith("talker-")
    assert scene.owner.api("DELETE", f"/karvdash/services/{name}/").status_code == 204


def test_settings_change_and_passwords_stay(scene: Scene) -> None:
    path = "/karvdash/services/talker/"
    changed = scene.owner.api("PATCH", path, json={"variables": {"COUNT": 5}, "size": {"cpu": "50m"}})
    assert (
        changed.status_code, changed.json()["values"]["COUNT"], changed.json()["size"],
    ) == (200, 5, {"cpu": "50m"})  # fmt: skip
    assert scene.owner.wait_for("talker", "running", "failing")["state"] == "running"
    page = scene.owner_session.post("/hub/service/talker/passwords")
    assert "s3cret-word" in page.text
    back = scene.owner.api("PATCH", path, json={"variables": {"COUNT": 3}, "size": {}})
    assert back.status_code == 200, back.text
    scene.owner.wait_for("talker", "running")


def test_a_log_is_streamed_and_taken_up_where_it_broke_off(scene: Scene) -> None:
    path = "/karvdash/services/talker/logs?tail=10"
    first = list(events(scene.owner.api("GET", path, stream=True)))
    assert [data for name, data, _ in first if name == "line"] == ["one", "two"]
    assert first[-1][0] == "end"
    again = requests.get(
        f"{scene.owner.stack.hub_url}/hub/api{path}",
        headers={"Authorization": f"token {scene.owner.token}", "Last-Event-ID": first[0][2]},
        stream=True,
        timeout=60,
    )
    assert [data for name, data, _ in events(again) if name == "line"] == ["two"]


@pytest.mark.parametrize("query", ["pod=nosuch", "container=nosuch"])
def test_a_log_of_something_else_is_not_found(scene: Scene, query: str) -> None:
    answer = scene.owner.api("GET", f"/karvdash/services/talker/logs?{query}")
    assert answer.status_code == 404
    assert "nosuch" in answer.json()["error"]


def test_progress_ends_when_the_service_runs(scene: Scene) -> None:
    answer = scene.owner.api("GET", "/karvdash/services/talker/events", stream=True)
    assert answer.headers["Content-Type"].partition(";")[0] == "text/event-stream"
    told = list(events(answer))
    assert (told[0][0], told[0][1]["state"], told[0][1]["ready"]) == ("progress", "running", True)
    assert told[-1][0] == "end"


def test_the_users_stream_begins_with_everything_and_tells_each_change(
    person: Callable[..., Person],
) -> None:
    owner = person()
    answer = owner.api("GET", "/karvdash/events", stream=True)
    told = events(answer)
    name, data, _ = next(told)
    assert (name, data["outage"]) == ("snapshot", "")
    assert owner.api("POST", "/karvdash/services/", json={"id": "redis", "NAME": "cache"}).status_code == 201
    states = []
    for name, data, _ in told:
        assert name == "service"
        states.append(data["state"])
        if data["state"] == "running":
            break
    assert states[0] == "starting"
    assert owner.api("DELETE", "/karvdash/services/cache/").status_code == 204
    assert next((name, data) for name, data, _ in told if name == "removed") == ("removed", {"name": "cache"})
    answer.close()


def test_a_preview_shows_objects_and_creates_none(scene: Scene) -> None:
    answer = scene.owner.api(
        "POST", f"/karvdash/templates/{scene.template}/preview", json={"NAME": "unmade", "size": {"cpu": "1"}}
    ).json()
    assert answer["errors"] == []
    assert [(manifest["kind"], manifest["metadata"]["name"]) for manifest in answer["objects"]] == [
        ("Service", "unmade"),
        ("Deployment", "unmade"),
    ]
    assert scene.owner.api("GET", "/karvdash/services/unmade/").status_code == 404


def test_a_preview_names_every_wrong_value(scene: Scene) -> None:
    answer = scene.owner.api(
        "POST", f"/karvdash/templates/{scene.template}/preview", json={"COUNT": 9, "LEVEL": "mid", "X": 1}
    )
    assert answer.status_code == 200
    assert {"COUNT", "LEVEL", "X"} == {error["field"] for error in answer.json()["errors"]}


def test_a_broken_template_is_refused_with_all_its_mistakes(scene: Scene) -> None:
    answer = scene.owner.api("POST", "/karvdash/templates/", json={"data": BROKEN})
    assert answer.status_code == 422
    assert [(error["document"], error["field"]) for error in answer.json()["errors"]] == [
        (2, "variables[0].default"),
        (2, "variables[1].type"),
        (2, "variables"),
    ]


def test_a_template_comes_back_as_it_was_written(person: Callable[..., Person]) -> None:
    text = PAUSE + "---\nkind: Template  # mine\nname: Mine\nvariables: [{name: NAME, default: mine}]\n"
    owner = person()
    template = owner.api("POST", "/karvdash/templates/", json={"data": text}).json()
    read = owner.api("GET", f"/karvdash/templates/{template['id']}").json()
    assert (text, True) == (read["data"], read["custom"])
    removed = owner.api("DELETE", f"/karvdash/templates/{template['id']}/")
    assert (removed.status_code, removed.text) == (200, "")
    assert owner.api("GET", f"/karvdash/templates/{template['id']}/").status_code == 404


def test_the_platforms_templates_cannot_be_deleted(scene: Scene) -> None:
    answer = scene.owner.api("DELETE", "/karvdash/templates/redis/")
    assert answer.status_code == 403
    assert scene.owner.api("GET", "/karvdash/templates/redis/").status_code == 200


def test_whoami_tells_where_things_are(scene: Scene) -> None:
    answer = scene.owner.api("GET", "/karvdash/whoami").json()
    assert (scene.owner.name, f"karvdash-{scene.owner.name}", False) == (
        answer["user"], answer["namespace"], answer["admin"],
    )  # fmt: skip
    assert f"{scene.owner.stack.hub_url}/hub/home" == answer["links"]["home"]
