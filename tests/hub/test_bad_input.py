"""Mistakes are told clearly and all at once, and leave nothing behind."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from demo.stack import Stack
from tests.fixtures.stacks import Person, make_person
from tests.hub.helpers import labelled, upload, wait_until_empty


@pytest.fixture(scope="module")
def alice(stack: Stack) -> Iterator[Person]:
    """One person for the whole file: what is refused leaves nothing that the next test could see."""
    somebody = make_person(stack, "u" + secrets.token_hex(4))
    yield somebody
    somebody.remove_everything()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param({"id": "nosuch"}, 404, ["no service template", "nosuch"], id="unknown template"),
        pytest.param({}, 400, ["id"], id="no template"),
        pytest.param({"id": "hello-kubernetes", "MESAGE": "x"}, 400, ["MESAGE", "MESSAGE"], id="undeclared"),
        pytest.param(
            {"id": "hello-kubernetes", "NAMESPACE": "kube-system"},
            400,
            ["NAMESPACE", "platform"],
            id="reserved",
        ),
        pytest.param({"id": "hello-kubernetes", "HOSTNAME": "x.example.com"}, 400, ["HOSTNAME"], id="host"),
        pytest.param({"id": "hello-kubernetes", "REPLICAS": "many"}, 400, ["REPLICAS"], id="wrong type"),
        pytest.param({"id": "hello-kubernetes", "REPLICAS": 11}, 400, ["REPLICAS", "10"], id="out of bounds"),
        pytest.param(
            {"id": "hello-kubernetes", "REPLICAS": 0, "X": 1, "size": {"cpu": "lots"}},
            400,
            ["REPLICAS", "X", "size.cpu"],
            id="all at once",
        ),
        pytest.param({"id": "hello-kubernetes", "MESSAGE": {"a": 1}}, 400, ["MESSAGE"], id="an object"),
        pytest.param(
            {"id": "hello-kubernetes", "MESSAGE": "x" * 1_000_000}, 400, ["characters"], id="a megabyte"
        ),
        pytest.param(
            {"id": "hello-kubernetes", "NAME": "Not DNS!"}, 400, ["Not DNS!", "lower-case"], id="no name"
        ),
        pytest.param({"id": "hello-kubernetes", "NAME": "n" * 31}, 400, ["30 characters"], id="long name"),
        pytest.param({"id": "hello-kubernetes", "NAME": "a--b"}, 400, ["hyphens"], id="two hyphens"),
        pytest.param({"id": "hello-kubernetes", "NAME": "karvdash-x"}, 400, ["reserved"], id="our prefix"),
        pytest.param({"id": "hello-kubernetes", "size": {"disk": "1"}}, 400, ["disk"], id="unknown size"),
    ],
)
def test_a_launch_that_cannot_be(
    stack: Stack, alice: Person, body: dict[str, Any], status: int, words: list[str]
) -> None:
    answer = alice.api("POST", "/karvdash/services/", body)
    assert status == answer.status_code, answer.text
    assert [word for word in words if word not in answer.json()["error"]] == [], answer.text
    assert alice.api("GET", "/karvdash/services/").json()["objects"] == []
    assert labelled(stack, alice) == []


@pytest.mark.parametrize(
    ("name", "options", "status"),
    [
        pytest.param("x", {"template": "nosuch"}, 404, id="unknown template"),
        pytest.param("x", {"template": "hello-kubernetes", "variables": {"A": 1}}, 400, id="undeclared"),
        pytest.param(
            "x", {"template": "hello-kubernetes", "variables": {"NAME": "y"}}, 400, id="another name"
        ),
        pytest.param("lab", {"template": "hello-kubernetes"}, 400, id="reserved name"),
        pytest.param("x", {"template": ["hello-kubernetes"]}, 400, id="template is a list"),
        pytest.param("", {"template": "hello-kubernetes"}, 400, id="the default server"),
    ],
)
def test_jupyterhubs_own_api_refuses_the_same(
    alice: Person, name: str, options: dict[str, Any], status: int
) -> None:
    """Before anything is stored: the server does not exist afterwards."""
    path = f"/users/{alice.name}/servers/{name}" if name else f"/users/{alice.name}/server"
    answer = alice.api("POST", path, {"user_options": options})
    assert status == answer.status_code, answer.text
    assert alice.api("GET", "/karvdash/services/").json()["objects"] == []


HARD_TO_QUOTE = {
    "newlines and a document": "x\n---\nkind: ClusterRoleBinding",
    "a mapping": "a: b",
    "an anchor": "&a *a",
    "a variable": "$NAME ${HOSTNAME} $(POD) $$",
    "a flow": "{[]}, \"'`",
    "a number": "12345",
    "a word": "yes",
    "unicode": "Καλημέρα 🎉",
}


def test_values_that_mean_something_in_yaml_are_text(stack: Stack, alice: Person) -> None:
    """Whatever a value contains arrives as it is, and adds nothing."""
    for message in HARD_TO_QUOTE.values():
        preview = alice.api("POST", "/karvdash/templates/hello-kubernetes/preview", {"MESSAGE": message})
        assert preview.status_code == 200, preview.text
        assert preview.json()["errors"] == []
        kinds = [manifest["kind"] for manifest in preview.json()["objects"]]
        assert sorted(kinds, key=["Service", "Deployment", "Ingress"].index) == [
            "Service",
            "Deployment",
            "Ingress",
        ]
    assert labelled(stack, alice) == []


UNKNOWN_KIND = """\
apiVersion: example.com/v1
kind: Gadget
metadata: {name: $NAME}
---
apiVersion: v1
kind: Service
metadata: {name: $NAME}
spec: {selector: {app: $NAME}, ports: [{port: 99999}]}
---
kind: Template
name: Gadget
variables: [{name: NAME, default: gadget}]
"""


def test_what_kubernetes_refuses_is_told_object_by_object(stack: Stack, alice: Person) -> None:
    """Both mistakes, with the field; and no server is left."""
    template = upload(alice, UNKNOWN_KIND)
    answer = alice.api("POST", "/karvdash/services/", {"id": template})
    assert answer.status_code == 422, answer.text
    assert "Gadget gadget" in answer.json()["error"]
    assert "spec.ports[0].port" in answer.json()["error"]
    assert alice.api("GET", "/karvdash/services/").json()["objects"] == []
    assert labelled(stack, alice) == []


SINGLETON = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: $NAME}
---
kind: Template
name: Only one
singleton: true
variables: [{name: NAME, default: only}]
"""


def test_two_tabs_start_a_singleton_at_the_same_moment(stack: Stack, alice: Person) -> None:
    """One gets it, the other is told which one there is."""
    template = upload(alice, SINGLETON)
    with ThreadPoolExecutor(2) as threads:
        answers = list(
            threads.map(lambda _: alice.api("POST", "/karvdash/services/", {"id": template}), range(2))
        )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert "only" in refused.json()["error"]
    assert [one["name"] for one in alice.api("GET", "/karvdash/services/").json()["objects"]] == ["only"]

    # By JupyterHub's own API too.
    alice.wait_for("only", "running")
    alice.api("POST", f"/users/{alice.name}/servers/second", {"user_options": {"template": template}})
    assert "only is it" in alice.wait_for("second", "stopped")["message"]
    alice.remove_everything()
    wait_until_empty(stack, alice)


def test_an_object_that_belongs_to_something_else_is_not_taken_over(stack: Stack, alice: Person) -> None:
    """A template with a fixed name meets what somebody made with kubectl."""
    template = upload(
        alice, SINGLETON.replace("singleton: true\n", "").replace("{name: $NAME}", "{name: fixed}")
    )
    namespace = alice.api("GET", "/karvdash/whoami").json()["namespace"]
    where = ["configmap", "fixed", "--namespace", namespace]
    stack.cluster.kubectl("create", *where, "--from-literal=a=b")
    answer = alice.api("POST", "/karvdash/services/", {"id": template})
    assert answer.status_code == 422
    assert "ConfigMap fixed: exists already" in answer.json()["error"]
    kept = stack.cluster.kubectl(
        "get", "configmap", "fixed", "--namespace", namespace, "--output", "jsonpath={.data.a}"
    )
    assert kept == "b"
    assert labelled(stack, alice) == []
