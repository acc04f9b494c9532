"""The form of a service template: from its variables to inputs, and from what was typed back to values.

An input of variable X is called ``var.X``, one of the size ``size.cpu``, so that no variable can meet
another field of the form (``_xsrf``, ``next``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from karvdash_hub.errors import FieldError
from karvdash_hub.names import MAX_SERVER_NAME
from karvdash_hub.service_templates.model import ServiceTemplate, Variable
from karvdash_hub.service_templates.variable_types import spell

VARIABLE = "var."
SIZE = "size."

_NAME_PATTERN = "[a-z](-?[a-z0-9])*"
_SIZES = (
    ("cpu", "CPU", "Cores that are set aside for it: 1, 0.5 or 500m.", "as the template says"),
    ("memory", "Memory", "A quantity such as 512Mi or 4Gi.", "as the template says"),
    ("gpu", "GPUs", "A whole number.", "none"),
)

Field = dict[str, Any]


def variable_fields(
    template: ServiceTemplate,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    *,
    name: str,
    domain: str = "",
    rename: bool = True,
    kept: Iterable[str] = (),
) -> list[Field]:
    """Describe the inputs of a template's variables, NAME first.

    Args:
        typed: what the person has entered so far, by variable; the others show their defaults.
        errors: a sentence by variable.
        name: what NAME shows when nothing was typed.
        domain: what follows the name in the service's address, "" when it has none.
        rename: whether a name can be chosen; a service that exists keeps its own.
        kept: passwords that have a value; left empty they keep it.
    """
    variables = sorted(template.user_variables, key=lambda variable: variable.name != "NAME")
    fields = []
    for variable in variables:
        if variable.name == "NAME" and not rename:
            continue
        shown = name if variable.name == "NAME" else spell(variable.default)
        field = _field(variable, typed.get(variable.name, shown), errors.get(variable.name, ""))
        if variable.name == "NAME":
            field |= _name_extras(domain)
        if variable.name in set(kept):
            field |= {"value": typed.get(variable.name, ""), "placeholder": "unchanged"}
        fields.append(field)
    return fields


def size_fields(typed: Mapping[str, str], errors: Mapping[str, str]) -> list[Field]:
    """Describe the inputs of CPU, memory and GPU."""
    return [
        _blank(
            SIZE + key,
            label,
            key=SIZE + key,
            help=help_text,
            value=str(typed.get(key, "")),
            error=errors.get(SIZE + key, ""),
            placeholder=placeholder,
        )
        for key, label, help_text, placeholder in _SIZES
    ]


def plain_field(name: str, label: str, **known: Any) -> Field:
    """Describe one input that belongs to no template; ``known`` is as in ``macros.html``."""
    return _blank(name, label, **known)


def read_form(arguments: Mapping[str, Sequence[bytes]]) -> tuple[dict[str, str], dict[str, str]]:
    """Take the values of variables and the size out of a posted form.

    Browsers write line ends as CR LF; a text with several lines gets LF. An empty size means no choice.
    """
    last = {key: _text(values[-1]) for key, values in arguments.items()}
    values = {key.removeprefix(VARIABLE): text for key, text in last.items() if key.startswith(VARIABLE)}
    size = {key.removeprefix(SIZE): text.strip() for key, text in last.items() if key.startswith(SIZE)}
    return values, {key: text for key, text in size.items() if text}


def split_errors(
    errors: Iterable[FieldError], fields: Iterable[Field]
) -> tuple[dict[str, str], list[FieldError]]:
    """Divide mistakes into those that belong beside an input, by its key, and the others."""
    keys = {field["key"] for field in fields}
    beside: dict[str, str] = {}
    others: list[FieldError] = []
    for error in errors:
        if error.document is None and error.field in keys:
            beside[error.field] = f"{beside.get(error.field, '')} {error.message}".strip()
        else:
            others.append(error)
    return beside, others


def place(error: FieldError) -> dict[str, str]:
    """Write a mistake for a list: where, and what."""
    return {"place": str(error).removesuffix(error.message).removesuffix(": "), "message": error.message}


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace").replace("\r\n", "\n")


def _field(variable: Variable, value: str, error: str) -> Field:
    kind = {"integer": "number", "number": "number", "password": "password"}.get(variable.kind, "text")
    options: list[str] = []
    if variable.choices or variable.kind == "boolean":
        kind, options = "select", [spell(choice) for choice in variable.choices or (True, False)]
    elif kind == "text" and "\n" in spell(variable.default):
        kind = "textarea"
    numeric = kind == "number"
    return _blank(
        VARIABLE + variable.name,
        variable.title,
        key=variable.name,
        kind=kind,
        value=value,
        options=options,
        help=variable.help,
        error=error,
        # Patterns are RE2's and may mean something else to a browser; the server checks them.
        min=variable.min if numeric else None,
        max=variable.max if numeric else None,
        step="1" if variable.kind == "integer" else ("any" if numeric else ""),
    )


def _blank(name: str, label: str, **known: Any) -> Field:
    return {
        "name": name,
        "id": name.replace(".", "-"),
        "key": name,
        "label": label,
        "kind": "text",
        "value": "",
        "options": [],
        "help": "",
        "error": "",
        "placeholder": "",
        "min": None,
        "max": None,
        "step": "",
        "pattern": "",
        "longest": 0,
        "domain": "",
        "required": False,
    } | known


def _name_extras(domain: str) -> Field:
    return {
        "required": True,
        "pattern": _NAME_PATTERN,
        "longest": MAX_SERVER_NAME,
        "help": "Lower-case letters, digits and hyphens.",
        "domain": domain,
    }
