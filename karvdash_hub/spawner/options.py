"""What a person asked for, checked for its form: ``user_options`` of a JupyterHub server.

    {"template": "redis", "variables": {"NAME": "cache", "PASSWORD": "…"}, "size": {"memory": "1Gi"}}

JupyterHub stores user_options in its database, shows them in its API and writes them to its log, so
values of variables of type password are taken out first: ``split`` gives what may be stored and what
may not. Whether the values suit the template is decided by ``service_templates``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from karvdash_hub.errors import FieldError, ValuesInvalid

#: Longest text of all values together (characters). Kubernetes refuses objects above 1.5 MiB anyway.
MAX_VALUES = 256 * 1024

Value = str | int | float | bool


@dataclass(frozen=True)
class LaunchOptions:
    """A service template, and how to launch it.

    Attributes:
        template: id.
        variables: {name: value} as given; passwords are among them only while they are on their way.
        size: {"cpu": quantity, "memory": quantity, "gpu": quantity}, only what was chosen.
        secrets: names of variables of type password that were given a value at some time.
    """

    template: str
    variables: Mapping[str, Value] = field(default_factory=dict)
    size: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the form that JupyterHub stores. ``profile`` is what its admin page shows."""
        return {
            "template": self.template,
            "variables": dict(self.variables),
            "size": dict(self.size),
            "secrets": list(self.secrets),
            "profile": self.template,
        }


def names_template(options: object) -> bool:
    """Tell whether these user_options are for us, and not for a stock notebook."""
    return isinstance(options, Mapping) and "template" in options


def parse(options: Mapping[str, Any]) -> LaunchOptions:
    """Check the form of user_options that name a template.

    Raises: ValuesInvalid with every mistake.
    """
    errors = [
        *_check_known(options),
        *_check_template(options),
        *_check_variables(options),
        *_check_size(options),
    ]
    if errors:
        raise ValuesInvalid(errors)
    return LaunchOptions(
        template=options["template"],
        variables=dict(options.get("variables") or {}),
        size={key: str(value) for key, value in (options.get("size") or {}).items() if str(value) != ""},
        secrets=tuple(sorted(str(name) for name in options.get("secrets") or ())),
    )


def split(options: LaunchOptions, passwords: Collection[str]) -> tuple[LaunchOptions, dict[str, str]]:
    """Take the values of the variables named ``passwords`` out: (what may be stored, the secret values)."""
    secret = {name: str(value) for name, value in options.variables.items() if name in passwords}
    open_ = {name: value for name, value in options.variables.items() if name not in secret}
    secrets = tuple(sorted({*options.secrets, *secret}))
    return LaunchOptions(options.template, open_, options.size, secrets), secret


def _check_known(options: Mapping[str, Any]) -> list[FieldError]:
    known = {"template", "variables", "size", "secrets", "profile"}
    return [
        FieldError(None, str(key), "is not an option; known are template, variables and size.")
        for key in options
        if key not in known and not str(key).startswith("__jupyterhub_")
    ]


def _check_template(options: Mapping[str, Any]) -> list[FieldError]:
    template = options.get("template")
    if isinstance(template, str) and template:
        return []
    return [FieldError(None, "template", "must be the id of a service template.")]


def _check_variables(options: Mapping[str, Any]) -> list[FieldError]:
    variables = options.get("variables")
    if variables is None:
        return []
    if not isinstance(variables, Mapping):
        return [FieldError(None, "variables", "must be an object with a value for each variable.")]
    errors = [
        FieldError(None, str(name), "must be a text, a number, true or false.")
        for name, value in variables.items()
        if not isinstance(value, Value)
    ]
    length = sum(len(str(value)) for value in variables.values())
    if length > MAX_VALUES:
        errors.append(
            FieldError(
                None, "variables", f"are {length} characters together; at most {MAX_VALUES} are possible."
            )
        )
    return errors


def _check_size(options: Mapping[str, Any]) -> list[FieldError]:
    size = options.get("size")
    if size is None:
        return []
    if not isinstance(size, Mapping):
        return [FieldError(None, "size", "must be an object with cpu, memory and gpu.")]
    return []
