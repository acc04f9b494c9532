"""YAML text to plain trees: what scalars mean, and files made to hurt."""

from __future__ import annotations

import time

import pytest

from karvdash_hub.service_templates.yaml_text import SpelledFloat, load, plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        ("0644", 420),
        ("0o644", 420),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("0x_", "0x_"),
        ("089", "089"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.5e3", 1500.0),
        ("12e5", "12e5"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1" * 30, "1" * 30),
        ("yes", True),
        ("on", True),
        ("True", True),
        ("no", False),
        ("OFF", False),
        ("y", "y"),
        ("~", None),
        ("null", None),
        ("", None),
        ("2026-01-01", "2026-01-01"),
        ("12:30:45", "12:30:45"),
        ("80:80", "80:80"),
        ("'3'", "3"),
        ('"yes"', "yes"),
        ("!!str 3", "3"),
        ("! 3", "3"),
        ("!!int 3", 3),
        ("=", "="),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    documents, errors = load(f"a: {text}")
    assert ([], {"a": value}) == (errors, plain(documents[0].value))
    assert type(value) is type(plain(documents[0].value)["a"])


def test_floats_remember_their_spelling() -> None:
    documents, _ = load("a: 4.10")
    value = documents[0].value["a"]
    assert isinstance(value, SpelledFloat)
    assert value.text == "4.10"
    assert plain(documents[0].value, spelled=True) == {"a": "4.10"}
    assert plain(load("a: 4.5")[0][0].value, spelled=True) == {"a": 4.5}


def test_documents_are_counted_with_empty_ones_and_have_lines() -> None:
    documents, errors = load("# a comment\na: 1\n---\n---\nb: 2\n")
    assert errors == []
    assert [(d.index, d.value) for d in documents] == [(0, {"a": 1}), (1, None), (2, {"b": 2})]


def test_aliases_and_merges() -> None:
    documents, errors = load("a: &x {k: 1, l: 1}\nb: {<<: *x, k: 2}\nc: [*x, *x]\nd: {<<: [{k: 3}, *x]}")
    assert errors == []
    expected = {
        "a": {"k": 1, "l": 1},
        "b": {"k": 2, "l": 1},
        "c": [{"k": 1, "l": 1}, {"k": 1, "l": 1}],
        "d": {"k": 3, "l": 1},
    }
    value = plain(documents[0].value)
    assert expected == value
    assert value["c"][0] is not value["c"][1]


def test_numbers_as_keys_are_text() -> None:
    assert [d.value for d in load("8080: 1\nyes: 2\n'<<': 3")[0]] == [{"8080": 1, "yes": 2, "<<": 3}]


ALIAS_BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20)
)
MERGE_BOMB = "a0: &a0 {k: 1, l: 2}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 20)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 200))


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        pytest.param("a: b: c", (0, ""), "mapping values are not allowed in this context", id="syntax"),
        pytest.param("a: [1", (0, ""), "at line", id="unclosed"),
        pytest.param("a:\n\t- b", (0, ""), "at line 2, column 1", id="tab"),
        pytest.param("a: \0", (None, ""), "control characters are not allowed", id="NUL"),
        pytest.param("a: \ud800", (None, ""), "not UTF-8", id="half a character"),
        pytest.param("x" * 1_048_577, (None, ""), "larger than 1024 KiB", id="too long"),
        pytest.param("a: {b: 1, b: 2}", (0, "a.b"), "appears twice (again on line 1)", id="key twice"),
        pytest.param("a: [{b: 1}, {c: 1, c: 2}]", (0, "a[1].c"), "appears twice", id="key twice in a list"),
        pytest.param("{a: 1}: b", (0, "[?]"), "must be text", id="mapping as key"),
        pytest.param("~: b", (0, "[~]"), "A key is missing", id="null as key"),
        pytest.param(
            "a: !!python/name:os.open", (0, "a"), "!!python/name:os.open is not allowed", id="python"
        ),
        pytest.param("!!set {a}", (0, ""), "!!set is not allowed", id="set"),
        pytest.param("a: !!binary aGk=", (0, "a"), "!!binary is not allowed", id="binary"),
        pytest.param("a: {<<: 3}", (0, "a[<<]"), "takes a mapping", id="merge of a number"),
        pytest.param("a: *b", (0, ""), "has no anchor", id="alias of nothing"),
        pytest.param("a: &a 1\n---\nb: *a", (1, ""), "has no anchor", id="alias of another document"),
        pytest.param("a: &a [*a]", (0, ""), "is inside what it repeats", id="alias of itself"),
        pytest.param(ALIAS_BOMB, (0, ""), "too large: at most 20000 values", id="alias bomb"),
        pytest.param(MERGE_BOMB, (0, ""), "too large: at most 20000 values", id="merge bomb"),
        pytest.param(CHAIN, (0, ""), "more than 64 levels", id="deep by aliases"),
        pytest.param("[" * 500_000, (0, ""), "more than 64 levels", id="deep"),
        pytest.param("[" + "1," * 400_000 + "1]", (0, ""), "at most 20000 values", id="many values"),
        pytest.param(f"a: &a {'x' * 900_000}\nb: [*a, *a, *a]", (0, ""), "too large", id="text repeated"),
        pytest.param("---\n" * 200_000, (100, ""), "more than 100 documents", id="many documents"),
    ],
)
def test_bad_files(text: str, place: tuple[int | None, str], sentence: str) -> None:
    started = time.monotonic()
    _, errors = load(text)
    assert time.monotonic() - started < 1
    assert place == (errors[-1].document, errors[-1].field)
    assert sentence in errors[-1].message


def test_all_mistakes_before_a_syntax_error_are_reported_with_it() -> None:
    _, errors = load("a: 1\na: 2\n---\nb: !!x 1\n---\nc: d: e\n")
    assert [(error.document, error.field) for error in errors] == [(0, "a"), (1, "b"), (2, "")]


def test_the_number_of_mistakes_is_limited() -> None:
    _, errors = load("a: 1\n" * 50_000)
    assert len(errors) == 102
    assert "only the first are listed" in errors[-1].message
