"""Lists are read item by item and mean the same as when read at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from karvdash_hub.kube.pages import walk_list


@pytest.mark.parametrize(
    ("value", "indent"),
    [
        pytest.param({}, None, id="empty object"),
        pytest.param({"items": []}, None, id="no items"),
        pytest.param({"items": None, "metadata": {"continue": "x"}}, None, id="items null"),
        pytest.param(
            {"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": [{"a": 1}, {"b": [2, "]"]}]},
            None,
            id="as the API server writes it",
        ),
        pytest.param(
            {"items": [{"a": '"}'}, {"b": {}}], "metadata": {"x": ","}}, 2, id="indented, other order"
        ),
    ],
)
def test_walk_list(value: dict[str, Any], indent: int | None) -> None:
    items = value.get("items")
    expected = [(key, other) for key, other in value.items() if key != "items" or not isinstance(other, list)]
    expected += [("items", item) for item in items or []]
    found = list(walk_list(json.dumps(value, indent=indent)))
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert [item for key, item in found if key == "items" and item is not None] == (items or [])


@pytest.mark.parametrize(
    "text", ["", "[]", '{"items":[{}', '{"items":[{} {}]}', '{"a" 1}', "{,}", '{"a":1 "b":2}']
)
def test_no_list(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|Expecting"):
        list(walk_list(text))
