"""Service templates that cannot be: refused by API and by form, every mistake with its place, none stored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hub_http.conftest import Scene
from tests.hub_http.templates import PAUSE
from tests.hub_http.test_pages import words

SECTION = "---\nkind: Template\nname: Bad\nvariables:\n- {name: NAME, default: bad}\n"
NO_NAME = "---\nkind: Template\nname: Bad\nvariables:\n- {name: SIZE, default: 1}\n"
ALIAS_BOMB = (
    "a: &a ["
    + "x, " * 50
    + "x]\n"
    + "".join(
        f"{new}: &{new} [{', '.join(['*' + old] * 50)}]\n" for old, new in zip("abcde", "bcdef", strict=True)
    )
)
EVERYTHING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: $NAME, namespace: kube-system}
subjects: []
subjects: []
---
---
kind: Template
name: Bad
variables:
- {name: NAME, default: bad}
- {name: SIZE}
---
kind: Template
name: Again
variables: [{name: NAME, default: bad}]
"""


def cluster_role_binding(fields: str) -> str:
    return f"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{{fields}}}\n"


#: id, text, every (document, field) that is told, a part of what is said.
BAD = [
    ("not YAML", PAUSE + "---\nkey: [", [(2, "")], "This is not YAML"),
    ("no NAME", PAUSE + NO_NAME, [(2, "variables")], "The variable NAME is missing"),
    ("two sections", PAUSE + SECTION + SECTION, [(3, "kind")], "a second Template section"),
    ("no section", PAUSE, [(None, "")], "The Template section is missing"),
    ("section alone", SECTION, [(None, "")], "nothing to launch"),
    ("alias bomb", ALIAS_BOMB + SECTION, [(0, "")], "values"),
    ("empty document", PAUSE + "---\n---\n" + SECTION.removeprefix("---\n"), [(2, "")], "is empty"),
    (
        "the whole cluster",
        cluster_role_binding("name: $NAME") + SECTION,
        [(0, "kind")],
        "belongs to the whole cluster",
    ),
    (
        "a foreign namespace",
        PAUSE.replace("{name: $NAME}", "{name: $NAME, namespace: kube-system}", 1) + SECTION,
        [(0, "metadata.namespace")],
        "Remove it",
    ),
    (
        "one key twice",
        PAUSE.replace("spec: {ports", "spec: {type: ClusterIP, type: ClusterIP, ports", 1) + SECTION,
        [(0, "spec.type")],
        "twice",
    ),
    ("over 1 MiB", PAUSE + "#" * 1_100_000 + "\n" + SECTION, [(None, "")], "larger than 1024 KiB"),
    (
        "everything at once",
        EVERYTHING,
        [
            (0, "subjects"),
            (0, "kind"),
            (0, "metadata.namespace"),
            (1, ""),
            (2, "variables[1].default"),
            (3, "kind"),
        ],
        "twice",
    ),
]


@pytest.fixture(autouse=True)
def nothing_stored(scene: Scene) -> Iterator[None]:
    """Afterwards the owner has the templates and the problems of before, in the Hub and in Kubernetes."""
    before = known(scene)
    yield
    assert known(scene) == before


def known(scene: Scene) -> tuple[Any, list[str]]:
    listed = scene.owner.api("GET", "/karvdash/templates/").json()
    namespace = f"karvdash-{scene.owner.name}"
    stored = scene.owner.stack.cluster.kubectl(
        "get", "templates.karvdash.carv.ics.forth.gr", "--namespace", namespace, "--output", "name"
    )
    return listed, stored.split()


@pytest.mark.parametrize(("text", "places", "said"), [pytest.param(*row, id=id) for id, *row in BAD])
def test_the_api_names_every_place(
    scene: Scene, text: str, places: list[tuple[int | None, str]], said: str
) -> None:
    began = time.monotonic()
    answer = scene.owner.api("POST", "/karvdash/templates/", json={"data": text})
    took = time.monotonic() - began
    assert answer.status_code == 422, answer.text[:500]
    told = answer.json()["errors"]
    assert places == [(one["document"], one["field"]) for one in told], told
    assert said in answer.json()["error"]
    assert len(answer.text) < 5000
    assert took < 5


@pytest.mark.parametrize(("text", "places", "said"), [pytest.param(*row, id=id) for id, *row in BAD])
def test_the_form_shows_every_place_and_the_text(
    scene: Scene, text: str, places: list[tuple[int | None, str]], said: str
) -> None:
    answer = scene.owner_session.post("/hub/templates", {"data": text})
    assert answer.status_code == 422, answer.text[:500]
    page = words(answer.text)
    assert "The service template has mistakes:" in page
    assert said in page
    # Documents are counted from 1 on pages, since people count so.
    missing = [
        (document, field)
        for document, field in places
        if (document is not None and f"document {document + 1}" not in page) or field not in page
    ]
    assert missing == []
    first_line = text.partition("\n")[0]
    assert first_line in page


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        pytest.param(None, 400, "data", id="null"),
        pytest.param(["kind: Template"], 400, "data", id="a list"),
        pytest.param(" \n\t", 400, "data", id="blank"),
        pytest.param("x" * 2_200_000, 413, "at most", id="over 2 MiB"),
        pytest.param("# \ud800\n" + PAUSE + SECTION, 422, "not UTF-8", id="half a character"),
        pytest.param("a: \0\n" + PAUSE + SECTION, 422, "not YAML", id="a zero byte"),
    ],
)
def test_what_is_no_text_of_a_template(scene: Scene, data: Any, status: int, said: str) -> None:
    answer = scene.owner.api("POST", "/karvdash/templates/", json={"data": data})
    assert status == answer.status_code, answer.text[:500]
    assert said in answer.json()["error"]


UNKNOWN_KIND = "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: $NAME}\n" + SECTION


def test_a_kind_that_the_cluster_does_not_know_is_said_before_a_launch(scene: Scene) -> None:
    """It may be installed later, so the upload passes; the preview says what a launch would meet."""
    added = scene.owner.api("POST", "/karvdash/templates/", json={"data": UNKNOWN_KIND})
    assert added.status_code == 200, added.text
    path = f"/karvdash/templates/{added.json()['id']}"
    try:
        preview = scene.owner.api("POST", f"{path}/preview", json={})
        assert preview.status_code == 200, preview.text
        (error,) = preview.json()["errors"]
        assert (error["document"], "Gadget" in error["message"]) == (0, True), error
    finally:
        assert scene.owner.api("DELETE", f"{path}/").status_code == 200
