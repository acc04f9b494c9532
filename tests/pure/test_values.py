"""All that is wrong with what a user sent is said at once."""

from __future__ import annotations

from typing import Any

import pytest

from karvdash_hub.errors import ValuesInvalid
from karvdash_hub.service_templates import check_values, split_secrets
from tests.pure.templates import SERVICE, template

TEMPLATE = template(
    SERVICE,
    variables="""\
    - {name: HOSTNAME, default: web.example.com}
    - {name: hostname, default: constant}
    - {name: SERVERS, default: 3, min: 1, max: 9}
    - {name: MESSAGE, default: Hello}
    - {name: PASSWORD, type: password, default: secret}
    """,
)


def check(sent: dict[str, Any], name: str = "web") -> dict[str, Any]:
    return check_values(TEMPLATE, sent, name=name)


def mistakes(sent: dict[str, Any], name: str = "web") -> dict[str, str]:
    with pytest.raises(ValuesInvalid) as refused:
        check(sent, name)
    assert refused.value.status == 400
    assert {None} == {error.document for error in refused.value.errors}
    return {error.field: error.message for error in refused.value.errors}


DEFAULTS = {"NAME": "web", "SERVERS": 3, "MESSAGE": "Hello", "PASSWORD": "secret"}


@pytest.mark.parametrize(
    ("sent", "values"),
    [
        pytest.param({}, DEFAULTS, id="no field filled in"),
        pytest.param({"SERVERS": "5"}, DEFAULTS | {"SERVERS": 5}, id="a form"),
        pytest.param(
            {"SERVERS": 5, "MESSAGE": "a: b"}, DEFAULTS | {"SERVERS": 5, "MESSAGE": "a: b"}, id="JSON"
        ),
        pytest.param({"NAME": "other"}, DEFAULTS, id="NAME is the server's, suffix included"),
    ],
)
def test_defaults_complete_what_was_sent(sent: dict[str, Any], values: dict[str, Any]) -> None:
    assert values == check(sent)
    assert values == check(check(sent))


@pytest.mark.parametrize("name", ["HOSTNAME", "hostname", "Hostname", "NAMESPACE", "Shared_Dir", "private"])
def test_reserved_variables_are_not_taken_from_users(name: str) -> None:
    assert {name: "The platform sets this variable. Leave it out."} == mistakes({name: "evil.example.com"})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("MESAGE", "Did you mean MESSAGE?", id="misspelt"),
        pytest.param("message", "Did you mean MESSAGE?", id="letter case"),
        pytest.param("COLOUR", "It has NAME, SERVERS, MESSAGE, PASSWORD.", id="unknown"),
        pytest.param("X" * 1_000_000, "It has NAME", id="long"),
    ],
)
def test_undeclared_variables(name: str, sentence: str) -> None:
    ((field, message),) = mistakes({name: "x"}).items()
    assert name.startswith(field.removesuffix("…"))
    assert f'The service template "Test" has no such variable. {sentence}' in message


def test_everything_is_said_at_once() -> None:
    sent = {"SERVERS": "many", "MESSAGE": "x" * 100_000, "COLOUR": "red", "NAMESPACE": "kube-system"}
    found = mistakes(sent, name="No Name")
    assert {"NAME", "SERVERS", "MESSAGE", "COLOUR", "NAMESPACE"} == set(found)
    assert found["SERVERS"] == "Servers must be a whole number, such as 3, not 'many'."


def test_passwords_are_kept_apart_and_out_of_messages() -> None:
    public, secret = split_secrets(TEMPLATE, check({"PASSWORD": "hunter2"}))
    assert secret == {"PASSWORD": "hunter2"}
    assert {"NAME", "SERVERS", "MESSAGE"} == set(public)
    assert "hunter2" not in str(mistakes({"PASSWORD": ["hunter2"], "SERVERS": 0}))
    assert "hunter2" not in str(mistakes({"PASSWORD": "hunter2\0"}))
