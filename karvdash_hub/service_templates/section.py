"""The ``kind: Template`` document of a service template: name, flags and variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from karvdash_hub.durations import read_duration
from karvdash_hub.errors import FieldError
from karvdash_hub.service_templates.model import Variable, compile_pattern
from karvdash_hub.service_templates.platform import is_reserved
from karvdash_hub.service_templates.tree import shorten
from karvdash_hub.service_templates.variable_types import (
    CONVERTERS,
    Value,
    spell,
    to_boolean,
    to_number,
    to_quantity,
)
from karvdash_hub.service_templates.yaml_text import SpelledFloat, plain

MAX_VARIABLES: Final = 100
MAX_CHOICES: Final = 500
MAX_PATTERN: Final = 500
MAX_ORIGINS: Final = 20
#: As browsers send it. ref: https://www.rfc-editor.org/rfc/rfc6454#section-6.1
_ORIGIN = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)

Report = Callable[[str, str], None]  # field, message


@dataclass(frozen=True)
class Section:
    """The metadata of a service template."""

    name: str
    description: str
    singleton: bool
    auth: bool
    datasets: bool
    category: str
    connect: str
    idle: float | None
    origins: tuple[str, ...]
    variables: tuple[Variable, ...]


def is_section(document: Any) -> bool:
    """Tell the Template section from objects that happen to be of a kind called Template.

    Those have an ``apiVersion``; a section may have one too, and then has ``name`` and ``variables``.
    """
    if not isinstance(document, dict) or document.get("kind") != "Template":
        return False
    return "apiVersion" not in document or {"name", "variables"} <= set(document)


def read_section(document: Mapping[str, Any], index: int) -> tuple[Section, list[FieldError]]:
    """Read the section in document ``index``, with every mistake in it. Unknown keys are ignored."""
    errors: list[FieldError] = []

    def report(field: str, message: str) -> None:
        errors.append(FieldError(index, field, message))

    section = Section(
        name=_text(document, "name", report, limit=200, required=True),
        description=_text(document, "description", report, limit=2000),
        singleton=_flag(document, "singleton", False, report),
        auth=_flag(document, "auth", True, report),
        datasets=_flag(document, "datasets", True, report),
        category=_text(document, "category", report, limit=200),
        connect=_text(document, "connect", report, limit=2000),
        idle=_duration(document, "idle", report),
        origins=_origins(document, report),
        variables=_variables(document, report),
    )
    return section, errors


def _text(
    mapping: Mapping[str, Any],
    key: str,
    report: Report,
    *,
    limit: int,
    required: bool = False,
    where: str = "",
) -> str:
    value = mapping.get(key)
    field = f"{where}{key}"
    if value is None or value == "":
        if required:
            report(field, "This field is required.")
        return ""
    if not isinstance(value, Value):
        report(field, "This must be text.")
        return ""
    text = spell(value)
    if len(text) > limit:
        report(field, f"This is too long: {len(text)} characters, at most {limit}.")
    return text


def _flag(mapping: Mapping[str, Any], key: str, default: bool, report: Report) -> bool:
    """Read yes or no. Karvdash took a quoted "no" for yes; here it means what it says."""
    value = mapping.get(key)
    if value is None:
        return default
    try:
        return to_boolean(value)
    except ValueError as problem:
        report(key, f"This {problem}.")
        return default


def _duration(mapping: Mapping[str, Any], key: str, report: Report) -> float | None:
    text = _text(mapping, key, report, limit=40)
    if not text:
        return None
    try:
        return read_duration(text)
    except ValueError as problem:
        report(key, f"This {problem}.")
        return None


def _origins(document: Mapping[str, Any], report: Report) -> tuple[str, ...]:
    given = document.get("origins")
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > MAX_ORIGINS:
        report("origins", f"List at most {MAX_ORIGINS} origins here, each as in https://example.org.")
        return ()
    for position, origin in enumerate(given):
        if not isinstance(origin, str) or not _ORIGIN.fullmatch(origin):
            report(
                f"origins[{position}]",
                "An origin is a scheme, a host and a port if need be: https://example.org.",
            )
    return tuple(origin for origin in given if isinstance(origin, str))


def _variables(document: Mapping[str, Any], report: Report) -> tuple[Variable, ...]:
    entries = document.get("variables")
    if not isinstance(entries, list):
        report("variables", "List the variables here; NAME is required.")
        return ()
    if len(entries) > MAX_VARIABLES:
        report("variables", f"There are {len(entries)} variables; at most {MAX_VARIABLES} are allowed.")
        return ()
    variables: dict[str, Variable] = {}
    for position, entry in enumerate(entries):
        where = f"variables[{position}]"
        variable = _variable(entry, where, report)
        if variable is None:
            continue
        if variable.name in variables:
            report(f"{where}.name", f"The variable {variable.name} is declared twice. Remove one.")
        variables.setdefault(variable.name, variable)
    if "NAME" not in variables and not any(_names(entry) == "NAME" for entry in entries):
        report("variables", "The variable NAME is missing. Add it, with a default: it names the service.")
    return tuple(variables.values())


def _names(entry: Any) -> Any:
    return entry.get("name") if isinstance(entry, dict) else None


def _variable(entry: Any, where: str, report: Report) -> Variable | None:
    if not isinstance(entry, dict):
        report(where, "A variable is a mapping with name and default.")
        return None
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        report(f"{where}.name", "Every variable needs a name of letters, digits and _, with no digit first.")
        return None
    if "default" not in entry:
        report(f"{where}.default", f"The variable {name} needs a default.")
        return None
    kind = _text(entry, "type", report, limit=20, where=f"{where}.")
    if kind and kind not in CONVERTERS:
        report(f"{where}.type", f"{shorten(kind)} is no type. Use one of {', '.join(CONVERTERS)}.")
        return None
    # A name is text even if it is spelled like a number.
    return _checked(name, "string" if name == "NAME" else kind, entry, where, report)


def _checked(name: str, kind: str, entry: dict[str, Any], where: str, report: Report) -> Variable | None:
    """Build the variable, then hold its own default and choices against it."""
    default = "" if entry["default"] is None else entry["default"]
    if not isinstance(default, Value):
        report(f"{where}.default", "A default is text, a number, true or false.")
        return None
    number_like = not kind and isinstance(default, SpelledFloat)
    variable = Variable(
        name=name,
        default=spell(default) if number_like else default,
        label=_text(entry, "label", report, limit=200, where=f"{where}."),
        help=_text(entry, "help", report, limit=2000, where=f"{where}."),
        type=kind,
        number_like=number_like,
        raw=plain(entry, spelled=True),
    )
    if is_reserved(name):
        return variable  # its default is never used, so it need not fit
    bounds = {key: _bound(variable.kind, entry, key, where, report) for key in ("min", "max")}
    pattern = _pattern(entry, where, report)
    choices = _choices(variable, entry, where, report)
    limited = replace(variable, min=bounds["min"], max=bounds["max"], pattern=pattern, choices=choices)
    return _with_default(limited, where, report)


def _with_default(variable: Variable, where: str, report: Report) -> Variable:
    try:
        default = CONVERTERS[variable.kind](variable.default)
        variable.check(default)
    except ValueError as problem:
        report(f"{where}.default", f"The default {problem}.")
        return variable
    return replace(variable, default=default)


def _bound(kind: str, entry: Mapping[str, Any], key: str, where: str, report: Report) -> Value | None:
    value = entry.get(key)
    if value is None:
        return None
    try:
        if kind == "boolean":
            raise ValueError("has no meaning for true and false")
        return to_quantity(value) if kind == "quantity" else to_number(value)
    except ValueError as problem:
        report(f"{where}.{key}", f"This bound {problem}.")
        return None


def _pattern(entry: Mapping[str, Any], where: str, report: Report) -> str:
    pattern = _text(entry, "pattern", report, limit=MAX_PATTERN, where=f"{where}.")
    try:
        if 0 < len(pattern) <= MAX_PATTERN:
            compile_pattern(pattern)
            return pattern
    except ValueError as problem:
        report(f"{where}.pattern", f"This {problem}.")
    return ""


def _choices(variable: Variable, entry: Mapping[str, Any], where: str, report: Report) -> tuple[Value, ...]:
    choices = entry.get("choices")
    if choices is None:
        return ()
    if not isinstance(choices, list) or not 0 < len(choices) <= MAX_CHOICES:
        report(f"{where}.choices", f"This must be a list of 1 to {MAX_CHOICES} values.")
        return ()
    converted: list[Value] = []
    for position, choice in enumerate(choices):
        try:
            converted.append(CONVERTERS[variable.kind](choice))
        except ValueError as problem:
            report(f"{where}.choices[{position}]", f"This choice {problem}.")
    return tuple(dict.fromkeys(converted))
