"""Lists are read item by item and mean the same as when read at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from karvdash_hub.kube.pages import walk_list


async def cut(text: str, size: int) -> AsyncIterator[bytes]:
    """A text in chunks of so many bytes."""
    content = text.encode()
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def read(text: str, size: int) -> list[tuple[str, Any]]:
    return [found async for found in walk_list(cut(text, size))]


@pytest.mark.parametrize("size", [1, 2, 7, 1000], ids=lambda size: f"{size} bytes")
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
        pytest.param(
            {"remaining": -12.5e3, "end": True, "items": [{"name": "Αλίκη 🐍", "number": 1234}], "n": 7},
            None,
            id="numbers and characters that chunks cut in two",
        ),
    ],
)
async def test_walk_list(value: dict[str, Any], indent: int | None, size: int) -> None:
    items = value.get("items")
    expected = [(key, other) for key, other in value.items() if key != "items" or not isinstance(other, list)]
    expected += [("items", item) for item in items or []]
    found = await read(json.dumps(value, indent=indent, ensure_ascii=False), size)
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert [item for key, item in found if key == "items" and item is not None] == (items or [])


@pytest.mark.parametrize("size", [1, 1000], ids=lambda size: f"{size} bytes")
@pytest.mark.parametrize(
    "text", ["", "[]", '{"items":[{}', '{"items":[{} {}]}', '{"a" 1}', "{,}", '{"a":1 "b":2}', '{"a":12']
)
async def test_no_list(text: str, size: int) -> None:
    with pytest.raises(ValueError, match=r"expected|Expecting"):
        await read(text, size)


async def test_an_item_is_there_before_the_list_is() -> None:
    """Nothing is kept of the items before, and nothing is awaited of those after."""
    arrived = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal arrived
        for chunk in (b'{"items":[', b'{"a":1},', b'{"a":2},', b'{"a":3}', b"]}"):
            arrived += 1
            yield chunk

    seen = [(value["a"], arrived) async for _, value in walk_list(chunks())]
    assert seen == [(1, 2), (2, 3), (3, 5)]
