"""Service templates from text."""

from __future__ import annotations

import random
from typing import Any

import pytest

from karvdash_hub.errors import KarvdashError
from karvdash_hub.service_templates import ServiceTemplate, custom_id, parse, template_id
from tests.pure.templates import DEPLOYMENT, SEED, SERVICE, config_map, template, text


def test_the_seeds_example() -> None:
    parsed = parse(SEED, id="hello-kubernetes", filename="hello-kubernetes.template.yaml")
    assert (parsed.name, parsed.description) == ("Hello Kubernetes", "Show a message in a web page")
    assert (parsed.singleton, parsed.auth, parsed.datasets, parsed.custom) == (False, True, True, False)
    assert [document["kind"] for document in parsed.documents] == ["Ingress", "Service", "Deployment"]
    assert parsed.document_indexes == (0, 1, 2)
    assert [variable.name for variable in parsed.variables] == ["NAME", "HOSTNAME", "MESSAGE"]
    assert [variable.name for variable in parsed.user_variables] == ["NAME", "MESSAGE"]
    assert parsed.text == SEED
    assert parsed.summary() == {
        "id": "hello-kubernetes",
        "name": "Hello Kubernetes",
        "description": "Show a message in a web page",
        "singleton": False,
        "auth": True,
        "datasets": True,
        "variables": [
            {"name": "NAME", "default": "hello-kubernetes"},
            {"name": "HOSTNAME", "default": "hello-kubernetes.example.com"},
            {
                "name": "MESSAGE",
                "default": "I just deployed this on Kubernetes!",
                "help": "Message to display",
            },
        ],
        "filename": "hello-kubernetes.template.yaml",
        "custom": False,
    }


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", True),
        ("on", True),
        ("true", True),
        ("no", False),
        ('"no"', False),
        ('"Yes"', True),
        ("0", False),
    ],
)
@pytest.mark.parametrize("flag", ["singleton", "auth", "datasets"])
def test_flags_mean_what_they_say(flag: str, written: str, value: bool) -> None:
    assert getattr(template(SERVICE, section=f"{flag}: {written}\n"), flag) is value


@pytest.mark.parametrize(
    ("variable", "name", "default", "kind"),
    [
        pytest.param("{name: A, default: x}", "A", "x", "string", id="text"),
        pytest.param("{name: A, default: 3}", "A", 3, "integer", id="integer"),
        pytest.param("{name: A, default: yes}", "A", True, "boolean", id="boolean"),
        pytest.param("{name: A, default: 4.10}", "A", "4.10", "string", id="version"),
        pytest.param("{name: A, default: 4.10, type: number}", "A", 4.1, "number", id="number"),
        pytest.param(
            "{name: A, default: 20.04, choices: [20.04, 22.10]}", "A", "20.04", "string", id="versions"
        ),
        pytest.param("{name: A, default: }", "A", "", "string", id="empty"),
        pytest.param("{name: A, default: '3', type: integer}", "A", 3, "integer", id="quoted integer"),
        pytest.param("{name: A, default: 1, type: quantity, max: 2Gi}", "A", "1", "quantity", id="quantity"),
        pytest.param("{name: a_b1, default: x, icon: y}", "a_b1", "x", "string", id="any case, other keys"),
        pytest.param("{name: HOSTNAME, default: 5, min: x}", "HOSTNAME", 5, "integer", id="reserved: unused"),
    ],
)
def test_variables(variable: str, name: str, default: object, kind: str) -> None:
    found = template(SERVICE, variables=f"- {variable}\n").variables[1]
    assert (found.name, found.default, found.kind) == (name, default, kind)
    assert type(found.default) is type(default)


def test_choices_keep_their_spelling() -> None:
    found = template(SERVICE, variables="- {name: A, default: 20.10, choices: [20.10, 18.04, x]}\n")
    assert found.variables[1].choices == ("20.10", "18.04", "x")
    assert found.summary()["variables"][1] == {
        "name": "A",
        "default": "20.10",
        "choices": ["20.10", 18.04, "x"],
    }


def test_name_is_text_and_any_default_leads_to_a_server_name() -> None:
    parsed = parse(text(config_map("a: b")).replace("default: web", "default: 42"), id="x")
    assert (parsed.variables[0].default, parsed.variables[0].kind) == ("42", "string")


@pytest.mark.parametrize(
    ("document", "payload"),
    [
        pytest.param(
            "kind: Template\napiVersion: template.openshift.io/v1\nmetadata: {name: a}", 2, id="a kind"
        ),
        pytest.param(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: $NAMESPACE}", 2, id="namespace"
        ),
    ],
)
def test_documents_that_may_be_there(document: str, payload: int) -> None:
    assert len(template(SERVICE, document).documents) == payload


def test_indexes_count_the_section_where_it_is() -> None:
    first, second = text(SERVICE).split("---\n")
    parsed = parse(f"{second}---\n{first}---\n{DEPLOYMENT}", id="x")
    assert parsed.document_indexes == (1, 2)


@pytest.mark.parametrize(
    ("filename", "id"),
    [
        ("redis.template.yaml", "redis"),
        ("hello-kubernetes.template.yaml", "hello-kubernetes"),
        ("a.b.template.yaml", "a"),
    ],
)
def test_ids_of_files(filename: str, id: str) -> None:
    assert template_id(filename) == id


@pytest.mark.parametrize(
    "filename",
    [
        *("redis.yaml", "redis.template.yml", ".template.yaml", "Redis.template.yaml", "a_b.template.yaml"),
        *("../x.template.yaml", "-a.template.yaml", f"{'x' * 64}.template.yaml", "a\n.template.yaml"),
    ],
)
def test_names_of_files_that_are_none(filename: str) -> None:
    with pytest.raises(KarvdashError, match="is no name for a service template"):
        template_id(filename)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Hello Kubernetes", "hello-kubernetes"),
        ("My  App (v2)!", "my-app-v2"),
        ("Ünder_score", "nderscore"),
        ("你好", "template"),
        ("x" * 200, "x" * 50),
    ],
)
def test_ids_of_custom_templates(name: str, stem: str) -> None:
    rng = random.Random(1)
    first, second = custom_id(name, rng), custom_id(name, rng)
    assert first != second
    assert {first[:-5], second[:-5]} == {stem}
    assert template_id(f"{first}.template.yaml") == first


def test_templates_can_be_compared() -> None:
    def again(**changes: Any) -> ServiceTemplate:
        return parse(SEED, **({"id": "x"} | changes))

    assert again() == again()
    assert again() != again(custom=True)
