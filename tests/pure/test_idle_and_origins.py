"""What a service template says of a service's life and of its friends."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml

from karvdash_hub.errors import TemplateInvalid
from karvdash_hub.service_templates import ServiceTemplate, parse
from tests.pure.templates import SERVICE


def template(**fields: Any) -> ServiceTemplate:
    section = {"kind": "Template", "name": "T", "variables": [{"name": "NAME", "default": "t"}], **fields}
    return parse(f"{SERVICE}---\n{yaml.safe_dump(section)}", id="t")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, None, id="not said"),
        pytest.param({"idle": "8h"}, 28800, id="hours"),
        pytest.param({"idle": "never"}, math.inf, id="never"),
    ],
)
def test_idle(fields: dict[str, Any], expected: float | None) -> None:
    assert expected == template(**fields).idle


def test_origins() -> None:
    listed = ["https://app.example.org", "http://localhost:3000"]
    assert tuple(listed) == template(origins=listed).origins


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"idle": "soon"}, "idle", id="no length of time"),
        pytest.param({"idle": 8}, "idle", id="a number without unit"),
        pytest.param({"idle": ["8h"]}, "idle", id="a list"),
        pytest.param({"origins": "https://a.example"}, "origins", id="no list"),
        pytest.param({"origins": ["https://a.example/path"]}, "origins[0]", id="a path"),
        pytest.param({"origins": ["https://*.example"]}, "origins[0]", id="a pattern"),
        pytest.param({"origins": ["null"]}, "origins[0]", id="null"),
        pytest.param({"origins": ["https://a.example,https://b.example"]}, "origins[0]", id="two in one"),
        pytest.param({"origins": ["https://a.example", 5]}, "origins[1]", id="a number"),
        pytest.param({"origins": ["https://a.example"] * 21}, "origins", id="too many"),
    ],
)
def test_mistakes(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        template(**fields)
    assert [field] == [error.field for error in refused.value.errors]
