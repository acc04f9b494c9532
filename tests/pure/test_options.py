"""The form of user_options: what is taken, what is refused, what may be stored."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from karvdash_hub.errors import ValuesInvalid
from karvdash_hub.spawner.options import MAX_VALUES, LaunchOptions, names_template, parse, split


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"template": "redis"}, LaunchOptions("redis"), id="template alone"),
        pytest.param(
            {"template": "r", "variables": {"A": 1, "B": "x", "C": True, "D": 1.5}, "size": {"cpu": 2}},
            LaunchOptions("r", {"A": 1, "B": "x", "C": True, "D": 1.5}, {"cpu": "2"}),
            id="values and size",
        ),
        pytest.param(
            {"template": "r", "variables": None, "size": {"cpu": "", "gpu": "1"}, "secrets": ["B", "A"]},
            LaunchOptions("r", {}, {"gpu": "1"}, ("A", "B")),
            id="nothing chosen",
        ),
        pytest.param(
            {"template": "r", "profile": "r", "__jupyterhub_x": 1}, LaunchOptions("r"), id="keys of the Hub's"
        ),
    ],
)
def test_parse(options: dict[str, Any], expected: LaunchOptions) -> None:
    before = copy.deepcopy(options)
    assert expected == parse(options)
    assert before == options
    assert expected == parse(expected.to_dict())


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        pytest.param({}, ["template"], id="nothing"),
        pytest.param({"template": 3, "image": "x"}, ["image", "template"], id="unknown key, no text"),
        pytest.param({"template": "r", "variables": []}, ["variables"], id="a list"),
        pytest.param({"template": "r", "variables": {"A": {}, "B": None}}, ["A", "B"], id="no scalars"),
        pytest.param(
            {"template": "r", "variables": {"A": "x" * (MAX_VALUES + 1)}}, ["variables"], id="too long"
        ),
        pytest.param({"template": "r", "size": "large"}, ["size"], id="size"),
    ],
)
def test_every_mistake_is_told(options: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(ValuesInvalid) as refused:
        parse(options)
    assert fields == [error.field for error in refused.value.errors]


def test_passwords_are_taken_out() -> None:
    options = LaunchOptions("r", {"A": "open", "P": "hunter2", "Q": 7}, {}, ("OLD",))
    stored, secret = split(options, {"P", "Q", "R"})
    assert LaunchOptions("r", {"A": "open"}, {}, ("OLD", "P", "Q")) == stored
    assert secret == {"P": "hunter2", "Q": "7"}
    assert "hunter2" not in str(stored.to_dict())


@pytest.mark.parametrize(
    ("options", "ours"),
    [
        pytest.param({"template": "x"}, True, id="ours"),
        pytest.param({"profile": "x"}, False, id="KubeSpawner's"),
        pytest.param(None, False, id="none"),
    ],
)
def test_whose_options_they_are(options: object, ours: bool) -> None:
    assert ours is names_template(options)
