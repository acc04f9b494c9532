"""Values that a user sent, checked against the variables of a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from karvdash_hub.errors import FieldError, KarvdashError, ValuesInvalid
from karvdash_hub.names import check_server_name
from karvdash_hub.service_templates.model import ServiceTemplate
from karvdash_hub.service_templates.platform import is_reserved
from karvdash_hub.service_templates.tree import shorten
from karvdash_hub.service_templates.variable_types import Value

MAX_SENT = 200


def check_values(template: ServiceTemplate, sent: Mapping[str, Any], *, name: str) -> dict[str, Value]:
    """Complete what was sent with the defaults, or say everything that is wrong with it.

    Args:
        sent: form text or JSON values by variable name. ``NAME`` is allowed and has no effect.
        name: the server's name, which is the value of ``NAME``.
    Returns: a value for every variable that is not reserved, passwords included (``split_secrets``).
        The same values may be checked again and stay the same.
    Raises: ValuesInvalid with all mistakes; ``field`` is the variable's name.
    """
    errors: list[FieldError] = []
    try:
        check_server_name(name)
    except KarvdashError as error:
        errors.append(FieldError(None, "NAME", error.message))
    values: dict[str, Value] = {}
    known = {variable.name for variable in template.user_variables}
    for variable in template.user_variables:
        raw = name if variable.name == "NAME" else sent.get(variable.name)
        try:
            values[variable.name] = variable.convert(raw)
        except ValuesInvalid as error:
            errors += error.errors
    errors += [_unexpected(template, key) for key in list(sent)[:MAX_SENT] if key not in known]
    if errors:
        raise ValuesInvalid(errors)
    return values


def _unexpected(template: ServiceTemplate, key: str) -> FieldError:
    shown = shorten(key)
    if is_reserved(key):
        return FieldError(None, shown, "The platform sets this variable. Leave it out.")
    meant = template.similar_variable(key)
    names = ", ".join(variable.name for variable in template.user_variables)
    hint = f"Did you mean {meant}?" if meant else f"It has {names}."
    return FieldError(None, shown, f'The service template "{template.name}" has no such variable. {hint}')


def split_secrets(
    template: ServiceTemplate, values: Mapping[str, Value]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """Divide values into those that may be stored and shown, and those that belong into a Secret."""
    secret = template.secret_names
    return (
        {name: value for name, value in values.items() if name not in secret},
        {name: value for name, value in values.items() if name in secret},
    )
