"""What may be sent for a variable, and what becomes of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from karvdash_hub.errors import ValuesInvalid
from karvdash_hub.service_templates import Variable, parse_quantity
from karvdash_hub.service_templates.model import compile_pattern


def variable(default: Any = "", **changes: Any) -> Variable:
    return Variable("VALUE", default, **changes)


INTEGER = variable(3)
TEXT = variable("x")


@pytest.mark.parametrize(
    ("declared", "raw", "value"),
    [
        pytest.param(TEXT, "hello", "hello", id="text"),
        pytest.param(TEXT, " a ", " a ", id="text keeps its spaces"),
        pytest.param(TEXT, "", "", id="text may be empty"),
        pytest.param(TEXT, "yes", "yes", id="text that looks like a boolean"),
        pytest.param(TEXT, "12345", "12345", id="text that looks like a number"),
        pytest.param(TEXT, 12345, "12345", id="a JSON number as text"),
        pytest.param(TEXT, True, "true", id="a JSON boolean as text"),
        pytest.param(TEXT, 4.5, "4.5", id="a JSON float as text"),
        pytest.param(TEXT, None, "x", id="nothing sent"),
        pytest.param(TEXT, "\u202ertl\u200b", "\u202ertl\u200b", id="direction and width of characters"),
        pytest.param(TEXT, "x" * 65536, "x" * 65536, id="64 KiB"),
        pytest.param(INTEGER, "4", 4, id="form integer"),
        pytest.param(INTEGER, " -4 ", -4, id="form integer with spaces"),
        pytest.param(INTEGER, "007", 7, id="leading zeros are decimal"),
        pytest.param(INTEGER, 4, 4, id="JSON integer"),
        pytest.param(INTEGER, 4.0, 4, id="JSON float that is whole"),
        pytest.param(INTEGER, "", 3, id="an empty field means the default"),
        pytest.param(variable(type="number", default=1), "0.5", 0.5, id="form number"),
        pytest.param(variable(type="number", default=1), "2", 2, id="form number that is whole"),
        pytest.param(variable(type="number", default=1), "1e3", 1000.0, id="form number with exponent"),
        pytest.param(variable(True), "false", False, id="form boolean"),
        pytest.param(variable(True), "Off", False, id="form boolean in capitals"),
        pytest.param(variable(False), 1, True, id="JSON one"),
        pytest.param(variable(False), True, True, id="JSON boolean"),
        pytest.param(variable("1Gi", type="quantity"), "500m", "500m", id="quantity"),
        pytest.param(variable("1Gi", type="quantity"), 2, "2", id="JSON quantity"),
        pytest.param(variable("", type="password"), "p$$ \n'\"", "p$$ \n'\"", id="password"),
        pytest.param(variable("", type="password", min=8), "", "", id="no password"),
        pytest.param(variable("a", choices=("a", "b")), "b", "b", id="choice"),
        pytest.param(variable(1, choices=(1, 2)), "2", 2, id="integer choice"),
        pytest.param(variable("abc", pattern="[a-c]+"), "cab", "cab", id="pattern"),
        pytest.param(variable(3, min=1, max=5), "5", 5, id="upper bound"),
        pytest.param(variable("1Gi", type="quantity", max="2Gi"), "2048Mi", "2048Mi", id="quantity bound"),
    ],
)
def test_convert(declared: Variable, raw: object, value: object) -> None:
    converted = declared.convert(raw)
    assert value == converted
    assert type(value) is type(converted)
    assert converted == declared.convert(converted)


NUMBER = variable(type="number", default=1)
PASSWORD = variable("", type="password", min=8, pattern="[a-z]+")


@pytest.mark.parametrize(
    ("declared", "raw", "sentence"),
    [
        pytest.param(INTEGER, "abc", "Value must be a whole number, such as 3, not 'abc'.", id="word"),
        pytest.param(INTEGER, "1.5", "Value must be a whole number, such as 3, not '1.5'.", id="fraction"),
        pytest.param(INTEGER, 1.5, "Value must be a whole number, such as 3, not 1.5.", id="JSON fraction"),
        pytest.param(INTEGER, True, "Value must be a whole number, such as 3, not True.", id="JSON boolean"),
        pytest.param(INTEGER, "٣", "Value must be a whole number, such as 3, not '٣'.", id="other digits"),
        pytest.param(INTEGER, "1_0", "Value must be a whole number, such as 3, not '1_0'.", id="underscore"),
        pytest.param(INTEGER, str(2**63), f"whole number, such as 3, not '{2**63}'", id="more than 64 bits"),
        pytest.param(INTEGER, [3], "Value must be a single value.", id="list"),
        pytest.param(INTEGER, {"a": 1}, "Value must be a single value.", id="mapping"),
        pytest.param(NUMBER, "nan", "Value must be a number, such as 0.5, not 'nan'.", id="not a number"),
        pytest.param(NUMBER, float("inf"), "Value must be a number, such as 0.5, not inf.", id="infinity"),
        pytest.param(variable(True), "maybe", "Value must be true or false, not 'maybe'.", id="maybe"),
        pytest.param(variable("1", type="quantity"), "2 GB", "must be an amount such as 500m", id="quantity"),
        pytest.param(variable("1Gi", type="quantity", max="2Gi"), "3G", "must be at most 2Gi", id="too much"),
        pytest.param(variable(3, min=1), 0, "Value must be at least 1.", id="too small"),
        pytest.param(variable(3, max=5), "6", "Value must be at most 5.", id="too large"),
        pytest.param(variable("abc", min=2), "a", "Value must be at least 2 characters.", id="too short"),
        pytest.param(variable("abc", max=3), "abcd", "Value must be at most 3 characters.", id="too long"),
        pytest.param(variable("a", choices=("a", "b")), "c", "Value must be one of a, b.", id="no choice"),
        pytest.param(variable("a", pattern="[a-c]+"), "abd", "must match the pattern [a-c]+", id="pattern"),
        pytest.param(variable("a", pattern="a"), "a\n", "must match the pattern a", id="whole text matches"),
        pytest.param(variable("a", pattern="a*"), "a" * 4097, "must match", id="too long for a pattern"),
        pytest.param(TEXT, "x" * 65537, "is too long: 65537 characters, at most 65536", id="64 KiB and one"),
        pytest.param(TEXT, "x" * 1_000_000, "is too long", id="1 MB"),
        pytest.param(TEXT, "a\0b", "contains a NUL character", id="NUL"),
        pytest.param(TEXT, "\ud800", "is not valid Unicode text", id="half a character"),
        pytest.param(TEXT, ["a"], "Value must be a single value.", id="text from a list"),
        pytest.param(PASSWORD, "hunter2!", "Value must match the pattern [a-z]+.", id="password pattern"),
        pytest.param(PASSWORD, "hunter2", "Value must be at least 8 characters.", id="short password"),
    ],
)
def test_refused(declared: Variable, raw: object, sentence: str) -> None:
    with pytest.raises(ValuesInvalid) as refused:
        declared.convert(raw)
    (error,) = refused.value.errors
    assert (error.document, error.field) == (None, "VALUE")
    assert sentence in error.message
    assert "hunter2" not in error.message


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        (variable("x"), "string"),
        (variable(3), "integer"),
        (variable(True), "boolean"),
        (variable("12.3", number_like=True), "string"),
        (variable("3", type="integer"), "integer"),
        (variable("", type="password"), "password"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_a_type_the_default_decides(declared: Variable, kind: str) -> None:
    assert kind == declared.kind


def test_what_a_form_is_made_of() -> None:
    declared = Variable("ACCESS_KEY", 3, help="Key", min=1, max=5, choices=(1, 3))
    expected = {
        "name": "ACCESS_KEY",
        "title": "Access key",
        "help": "Key",
        "type": "integer",
        "default": 3,
        "choices": [1, 3],
        "min": 1,
        "max": 5,
        "pattern": "",
        "reserved": False,
    }
    assert expected == declared.describe()
    assert Variable("ACCESS_KEY", 3, label="Schlüssel").title == "Schlüssel"


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|aa)*b", "(.*a){12}b", "(a?){50}a{50}b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Each of these keeps Python's re busy for hours."""
    started = time.monotonic()
    with pytest.raises(ValuesInvalid):
        variable("ab", pattern=pattern).convert("a" * 4096)
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize("pattern", ["(", "(?<=a)b", r"(a)\1", "((a{900}){900}){900}"])
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not a pattern that RE2 understands"):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2", "2"),
        ("500m", "0.5"),
        ("1.5Gi", "1610612736"),
        ("1e3", "1000"),
        ("2k", "2000"),
        ("-1", "-1"),
        (".5", "0.5"),
    ],
)
def test_quantities(text: str, amount: str) -> None:
    assert amount == f"{parse_quantity(text).normalize():f}"


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1GB", "1gi", "1e999", "١", "1.2.3", "0x10"])
def test_not_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="must be an amount"):
        parse_quantity(text)
