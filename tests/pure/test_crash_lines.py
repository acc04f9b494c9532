"""What is shown of the log of a container that ended."""

from __future__ import annotations

import pytest

from karvdash_hub.spawner.crash_lines import tidy


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        pytest.param([], "", id="nothing was written"),
        pytest.param(["one", "two"], "one\ntwo", id="lines"),
        pytest.param(["one", "", "  ", "two"], "one\ntwo", id="empty lines"),
        pytest.param(["\x1b[31mred\x1b[0m \x1b]0;title\x07text"], "red text", id="colours and a title"),
        pytest.param(["a\x00b\x07c\u202ed\u200be"], "abcde", id="control and direction characters"),
        pytest.param(["10 %\r20 %\r30 %"], "30 %", id="progress bar"),
        pytest.param(["Windows\r"], "Windows", id="carriage return at the end"),
        pytest.param(["a\tb"], "a b", id="tab"),
        pytest.param(["x" * 500], "x" * 500, id="500 characters"),
        pytest.param(["y" * 400, "z" * 400], f"…{'y' * 98}\n{'z' * 400}", id="more than 500"),
    ],
)
def test_only_text_is_shown_and_not_much(lines: list[str], shown: str) -> None:
    assert tidy(lines) == shown
    assert len(shown) <= 500
