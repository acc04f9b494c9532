"""Lengths of time as people write them and read them."""

from __future__ import annotations

import math

import pytest

from karvdash_hub.durations import read_duration, spell_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("8h", 28800, id="hours"),
        pytest.param("90m", 5400, id="minutes"),
        pytest.param("1d12h", 129600, id="two units"),
        pytest.param(" 2D ", 172800, id="capitals and spaces"),
        pytest.param("45s", 45, id="seconds"),
        pytest.param("never", math.inf, id="never"),
    ],
)
def test_read(text: str, expected: float) -> None:
    assert expected == read_duration(text)


@pytest.mark.parametrize(
    "text", ["", "0", "0h", "8", "h", "-1h", "1.5h", "12h1d", "1h ago", "٣h", "9" * 400 + "h"]
)
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="is a length of time as in 8h"):
        read_duration(text)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(-5, "less than a minute", id="over"),
        pytest.param(59, "less than a minute", id="seconds"),
        pytest.param(60, "1 min", id="a minute"),
        pytest.param(3600 + 59, "1 h", id="an hour"),
        pytest.param(26 * 3600 + 120, "1 d 2 h", id="two units at most"),
        pytest.param(86400 + 120, "1 d 2 min", id="a unit left out"),
    ],
)
def test_spell(seconds: float, expected: str) -> None:
    assert expected == spell_duration(seconds)
