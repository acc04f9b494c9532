"""The types of template variables: how text from a form or a JSON value becomes a value.

Every converter takes what a person or program sent and returns the value, or raises ValueError
with the end of a sentence ("must be a whole number, such as 3"). Converting a value that was
converted before changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from karvdash_hub.service_templates.quantity import parse_quantity
from karvdash_hub.service_templates.tree import shorten
from karvdash_hub.service_templates.yaml_text import SpelledFloat

Value = str | int | float | bool

MAX_VALUE: Final = 64 * 1024  # characters

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?", re.ASCII
)
_INT64: Final = 2**63


def spell(value: Value) -> str:
    """Write a value as YAML does: ``true``, ``3``, ``4.1``, or the text itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, SpelledFloat) else str(value)


def to_text(raw: object) -> str:
    """Return text; numbers and booleans are spelled out. Errors do not repeat it: it may be a password."""
    if not isinstance(raw, Value):
        raise ValueError("must be a single value")
    text = spell(raw)
    if len(text) > MAX_VALUE:
        raise ValueError(f"is too long: {len(text)} characters, at most {MAX_VALUE}")
    if "\0" in text:
        raise ValueError("contains a NUL character, which no container can take")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("is not valid Unicode text")
    return text


def to_integer(raw: object) -> int:
    """Return a whole number of 64 bits."""
    text = _stripped(raw)
    if isinstance(raw, float) and raw.is_integer():
        text = str(int(raw))
    if isinstance(raw, bool) or not _INTEGER.fullmatch(text) or not -_INT64 <= int(text) < _INT64:
        raise ValueError(f"must be a whole number, such as 3, not {shorten(repr(raw))}")
    return int(text)


def to_number(raw: object) -> int | float:
    """Return an int where the number was written as one, else a float."""
    text = _stripped(raw)
    if isinstance(raw, bool) or not _NUMBER.fullmatch(text):
        raise ValueError(f"must be a number, such as 0.5, not {shorten(repr(raw))}")
    return int(text) if _INTEGER.fullmatch(text) else float(text)


_BOOLEANS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def to_boolean(raw: object) -> bool:
    """Return what true, yes, on, 1 or their opposites mean, in any letter case."""
    text = _stripped(raw).lower()
    if text not in _BOOLEANS:
        raise ValueError(f"must be true or false, not {shorten(repr(raw))}")
    return _BOOLEANS[text]


def to_quantity(raw: object) -> str:
    """Return a Kubernetes quantity as it was written."""
    text = _stripped(raw)
    parse_quantity(text)
    return text


def _stripped(raw: object) -> str:
    return to_text(raw).strip()


CONVERTERS: Final[Mapping[str, Callable[[object], Value]]] = {
    "string": to_text,
    "integer": to_integer,
    "number": to_number,
    "boolean": to_boolean,
    "quantity": to_quantity,
    "password": to_text,
}


def measure(kind: str, value: Value) -> Decimal:
    """Return what ``min`` and ``max`` are compared with; for text, its number of characters."""
    if kind in ("string", "password"):
        return Decimal(len(str(value)))
    if kind == "quantity":
        return parse_quantity(str(value))
    return Decimal(str(value))
