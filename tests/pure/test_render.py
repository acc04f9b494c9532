"""Filling variables into the tree. Rules as in docs/reference/service-templates.md."""

from __future__ import annotations

import json
from typing import Any

import pytest

from karvdash_hub.errors import ManifestsInvalid
from karvdash_hub.service_templates import Manifest, check_values, render
from tests.pure.templates import DEPLOYMENT, HOST, PLATFORM, SEED, config_map, custom, template

VARIABLES = """\
- {name: HOSTNAME, default: web.example.com}
- {name: MESSAGE, default: Hello}
- {name: COUNT, default: 3}
- {name: DEBUG, default: true}
- {name: RATIO, default: 0.5, type: number}
- {name: VERSION, default: 4.10}
- {name: QUOTED, default: "3"}
"""


def rendered(document: str, variables: str = VARIABLES, **values: Any) -> Manifest:
    parsed = template(document, variables=variables)
    checked = check_values(parsed, values, name="web")
    return render(parsed, checked, PLATFORM)[0]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        pytest.param("$MESSAGE", "Hello", id="$NAME"),
        pytest.param("${MESSAGE}", "Hello", id="${NAME}"),
        pytest.param("a $MESSAGE b", "a Hello b", id="inside text"),
        pytest.param("a${MESSAGE}b", "aHellob", id="inside a word"),
        pytest.param("$MESSAGE$COUNT", "Hello3", id="two"),
        pytest.param("$MESSAGES", "$MESSAGES", id="a longer name is another one"),
        pytest.param("$MESSAGE-x", "Hello-x", id="a hyphen ends a name"),
        pytest.param("$$", "$", id="$$"),
        pytest.param("costs $$5", "costs $5", id="$$ inside text"),
        pytest.param("$$MESSAGE", "$MESSAGE", id="$$ before a name"),
        pytest.param("$$$MESSAGE", "$Hello", id="$$ and a variable"),
        pytest.param("$$hashKey", "$hashKey", id="as in Grafana's dashboards"),
        pytest.param("$UNKNOWN", "$UNKNOWN", id="undeclared"),
        pytest.param("${UNKNOWN}", "${UNKNOWN}", id="undeclared in braces"),
        pytest.param("$NAMESPACE", "$NAMESPACE", id="reserved and undeclared"),
        pytest.param("$message", "$message", id="other letter case"),
        pytest.param("'${HOSTNAME##*-}'", "${HOSTNAME##*-}", id="shell, though HOSTNAME is declared"),
        pytest.param("'${MESSAGE:-x}'", "${MESSAGE:-x}", id="shell default"),
        pytest.param("$((1+2))", "$((1+2))", id="shell arithmetic"),
        pytest.param("$(date)", "$(date)", id="shell command"),
        pytest.param("$", "$", id="dollar alone"),
        pytest.param("$5", "$5", id="dollar and digit"),
        pytest.param("'${}'", "${}", id="empty braces"),
        pytest.param("$HOSTNAME", HOST, id="the platform's, as declared"),
        pytest.param("postgres:${VERSION}", "postgres:4.10", id="a version keeps its zero"),
        pytest.param("x$DEBUG", "xtrue", id="a boolean is spelled as in YAML"),
        pytest.param("x$RATIO", "x0.5", id="a number inside text"),
    ],
)
def test_references(scalar: str, value: str) -> None:
    assert rendered(config_map(f"key: {scalar}"))["data"] == {"key": value}


@pytest.mark.parametrize(
    "value",
    [
        *("a: b", "a\nprivileged: true", "x\n---\nkind: Pod", "- a", "# a", "&a b", "*a", "%YAML", "@`"),
        *(
            "!!python/name:os.system",
            "{{ a }}",
            "${MESSAGE}",
            "$NAME",
            "$$",
            "yes",
            "12345",
            "~",
            "",
            "'",
            '"',
        ),
        *("\u202e\u200b", "\t", "\x1b[31m", "a\r\nb"),
    ],
)
def test_a_value_arrives_as_it_was_sent(value: str) -> None:
    manifest = rendered(config_map("key: $MESSAGE\nother: 1 $MESSAGE 2"), MESSAGE=value)
    assert manifest["data"] == {"key": value, "other": f"1 {value} 2"}
    assert json.loads(json.dumps(manifest)) == manifest
    assert list(manifest) == ["apiVersion", "kind", "metadata", "data"]


DEPLOYMENTS = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: $NAME
  labels: {count: $COUNT}
  annotations: {debug: $DEBUG}
spec:
  replicas: $VALUE
  template:
    spec:
      hostNetwork: $VALUE
      nodeSelector: {disk: $VALUE}
      containers:
      - name: main
        args: [$VALUE, --count=$VALUE]
        env:
        - {name: A, value: $VALUE}
        ports:
        - containerPort: $VALUE
        readinessProbe:
          httpGet: {path: $VALUE, port: $VALUE}
"""


@pytest.mark.parametrize(
    ("sent", "default", "integer", "boolean", "text"),
    [
        pytest.param("5", "3", 5, 5, "5", id="integer variable"),
        pytest.param("12345", "abc", 12345, "12345", "12345", id="text that looks like a number"),
        pytest.param("yes", "abc", "yes", True, "yes", id="text that looks like a boolean"),
        pytest.param("no", "true", False, False, "false", id="boolean variable"),
        pytest.param("http", "abc", "http", "http", "http", id="text"),
        pytest.param("20.10", "4.10", "20.10", "20.10", "20.10", id="version"),
    ],
)
def test_kubernetes_gets_the_type_that_it_expects(
    sent: str, default: str, integer: object, boolean: object, text: str
) -> None:
    variables = VARIABLES + f"- {{name: VALUE, default: {default}}}\n"
    manifest = rendered(DEPLOYMENTS, variables, VALUE=sent)
    pod = manifest["spec"]["template"]["spec"]
    container = pod["containers"][0]
    found = {
        "replicas": manifest["spec"]["replicas"],
        "containerPort": container["ports"][0]["containerPort"],
        "port": container["readinessProbe"]["httpGet"]["port"],
        "hostNetwork": pod["hostNetwork"],
        "nodeSelector": pod["nodeSelector"]["disk"],
        "args": container["args"],
        "env": container["env"][0]["value"],
        "path": container["readinessProbe"]["httpGet"]["path"],
    }
    # Where neither fits, the value stays what it is, and the API server says which field is wrong.
    as_sent = integer if type(integer) is int else text
    assert found == {
        "replicas": as_sent,
        "containerPort": as_sent,
        "port": as_sent,
        "hostNetwork": boolean if isinstance(boolean, bool) else text,
        "nodeSelector": text,
        "args": [text, f"--count={text}"],
        "env": text,
        "path": text,
    }
    assert manifest["metadata"]["labels"] == {"count": "3"}
    assert manifest["metadata"]["annotations"] == {"debug": "true"}


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        pytest.param("$COUNT", 3, id="integer"),
        pytest.param("$DEBUG", True, id="boolean"),
        pytest.param("$RATIO", 0.5, id="number"),
        pytest.param("$VERSION", 4.1, id="a default that looks like a number"),
        pytest.param("$QUOTED", "3", id="text stays text"),
        pytest.param("$COUNT.", "3.", id="inside text"),
        pytest.param("3", 3, id="a literal stays what it is"),
        pytest.param("0.5", 0.5, id="a literal number"),
        pytest.param("~", None, id="null"),
    ],
)
def test_unknown_fields_take_the_values_type(scalar: str, value: object) -> None:
    found = rendered(custom(f"field: {scalar}"))["spec"]["field"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("field", "document", "value"),
    [
        pytest.param("data", config_map("count: $COUNT"), {"count": "3"}, id="ConfigMap"),
        pytest.param(
            "stringData",
            "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {count: $COUNT}}",
            {"count": "3"},
            id="Secret",
        ),
        pytest.param(
            "spec",
            "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {n: $COUNT}, "
            "ports: [{port: $QUOTED, targetPort: $COUNT}]}}",
            {"selector": {"n": "3"}, "ports": [{"port": 3, "targetPort": 3}]},
            id="Service",
        ),
    ],
)
def test_text_mappings(field: str, document: str, value: object) -> None:
    assert rendered(document)[field] == value


CONTAINER = """\
apiVersion: v1
kind: Pod
metadata: {name: $NAME}
spec:
  containers:
  - name: main
    command: [$MESSAGE]
    args: ["$(A) $$(B) $MESSAGE"]
    env:
    - {name: A, value: $MESSAGE}
    readinessProbe: {exec: {command: [$MESSAGE]}}
    workingDir: $MESSAGE
"""


@pytest.mark.parametrize(
    ("message", "written"),
    [
        pytest.param("$(A)", "$$(A)", id="a reference"),
        pytest.param("pa$$word", "pa$$$word", id="two dollars"),
        pytest.param("$$(A)", "$$$$(A)", id="an escaped reference"),
        pytest.param("${A} $A $5 $", "${A} $A $5 $", id="nothing that the kubelet knows"),
    ],
)
def test_the_kubelet_gives_the_container_what_was_sent(message: str, written: str) -> None:
    """The kubelet turns $(A) into A's value and $$ into $; only a value is protected, never the template."""
    container = rendered(CONTAINER, MESSAGE=message)["spec"]["containers"][0]
    assert container == {
        "name": "main",
        "command": [written],
        "args": [f"$(A) $(B) {written}"],
        "env": [{"name": "A", "value": written}],
        "readinessProbe": {"exec": {"command": [written]}},
        "workingDir": message,
    }


def test_keys_are_filled_in_as_text() -> None:
    manifest = rendered(config_map("$MESSAGE: a\n$COUNT.conf: b\n$$x: c"))
    assert manifest["data"] == {"Hello": "a", "3.conf": "b", "$x": "c"}


def test_keys_that_become_the_same_are_refused() -> None:
    with pytest.raises(ManifestsInvalid) as refused:
        rendered(config_map("Hello1: a\n$MESSAGE: b"), MESSAGE="Hello1")
    (error,) = refused.value.errors
    assert (error.document, error.field) == (0, "data.Hello1")
    assert error.message == "Two keys are both Hello1 once the variables are filled in."


def test_the_template_stays_as_it_is() -> None:
    parsed = template(DEPLOYMENT)
    before = json.dumps(parsed.documents)
    first = render(parsed, {"NAME": "one"}, PLATFORM)
    second = render(parsed, {"NAME": "two"}, PLATFORM)
    assert json.dumps(parsed.documents) == before
    assert [m[0]["metadata"]["name"] for m in (first, second)] == ["one", "two"]


def test_one_long_value_at_many_places_is_refused_before_it_is_written() -> None:
    document = config_map("key: " + "$MESSAGE " * 10_000)
    with pytest.raises(ManifestsInvalid, match="too large"):
        rendered(document, MESSAGE="x" * 60_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NAMESPACE", "karvdash-alice"),
        ("HOSTNAME", HOST),
        ("REGISTRY", "registry:5000"),
        ("PRIVATE", "/private"),
        ("PRIVATE_DIR", "/private"),
        ("PRIVATE_VOLUME", "karvdash-alice-volume-private"),
        ("SHARED", "/shared"),
        ("SHARED_DIR", "/shared"),
        ("SHARED_VOLUME", "karvdash-alice-volume-shared"),
    ],
)
def test_reserved_variables(name: str, value: str) -> None:
    declared = f"- {{name: {name}, default: 5}}\n- {{name: {name.title()}, default: kept}}\n"
    manifest = rendered(config_map(f"a: ${name}\nb: ${name.title()}"), declared)
    assert manifest["data"] == {"a": value, "b": "kept"}


def test_the_seeds_example() -> None:
    from karvdash_hub.service_templates import parse

    parsed = parse(SEED, id="hello-kubernetes")
    _, service, deployment = render(parsed, {"NAME": "web", "MESSAGE": "yes"}, PLATFORM)
    assert service["spec"]["selector"] == {"app": "web"}
    assert deployment["spec"]["template"]["spec"]["containers"][0]["env"] == [
        {"name": "MESSAGE", "value": "yes"}
    ]
