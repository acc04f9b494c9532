"""What a service template is: a name, variables, and documents with ``$VARIABLES`` in them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import re2

from karvdash_hub.errors import FieldError, ValuesInvalid
from karvdash_hub.service_templates.platform import is_reserved
from karvdash_hub.service_templates.tree import Manifest
from karvdash_hub.service_templates.variable_types import CONVERTERS, Value, measure, spell

#: Longest value that is compared with a pattern; longer ones do not match.
MAX_MATCHED: Final = 4096


@dataclass(frozen=True)
class Variable:
    """One thing that a user may choose.

    Attributes:
        default: used when nothing is sent; of the variable's type.
        choices: the only values allowed, if any.
        type: a key of ``CONVERTERS``, or "" to go by the default: true is boolean, 3 an integer,
            everything else text. That includes ``12.3``, which is a version more often than a
            number, and is kept as it was spelled.
        min, max: bounds, inclusive; for text the number of characters; for quantities a quantity.
        pattern: RE2 expression that the whole text must match.
        number_like: the default is written as a number with a point and there is no ``type``: where
            it stands alone it is filled in as a number, as Karvdash did.
        raw: the author's own mapping, other keys included.
    """

    name: str
    default: Value
    label: str = ""
    help: str = ""
    choices: tuple[Value, ...] = ()
    type: str = ""
    min: Value | None = None
    max: Value | None = None
    pattern: str = ""
    number_like: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def kind(self) -> str:
        """The type in force, a key of ``CONVERTERS``."""
        if self.type:
            return self.type
        if isinstance(self.default, bool):
            return "boolean"
        return "integer" if isinstance(self.default, int) else "string"

    @property
    def title(self) -> str:
        """What a form shows as the field's name."""
        return self.label or self.name.replace("_", " ").capitalize()

    @property
    def secret(self) -> bool:
        """Whether the value is kept in a Secret and never shown outside the owner's page."""
        return self.type == "password"

    @property
    def reserved(self) -> bool:
        """Whether the platform fills it in, so that users are not asked."""
        return is_reserved(self.name)

    def convert(self, raw: object, *, where: str = "") -> Value:
        """Turn what was sent, form text or a JSON value, into a value of this variable.

        Nothing (None, and for all but text also an empty text) means the default.

        Raises: ValuesInvalid with one FieldError at ``where`` (the variable's name by default).
        """
        try:
            if raw is None or (raw == "" and self.kind not in ("string", "password")):
                return self.default
            value = CONVERTERS[self.kind](raw)
            self.check(value)
        except ValueError as problem:
            raise ValuesInvalid([FieldError(None, where or self.name, f"{self.title} {problem}.")]) from None
        return value

    def check(self, value: Value) -> None:
        """Compare a value of the right type with choices, bounds and pattern.

        Raises: ValueError with the end of a sentence.
        """
        if self.secret and value == "" == self.default:
            return  # no password unless one is chosen
        if self.choices and value not in self.choices:
            raise ValueError(f"must be one of {', '.join(spell(choice) for choice in self.choices)}")
        for bound, too, word in ((self.min, -1, "at least"), (self.max, 1, "at most")):
            if bound is not None and self._compare(value, bound) == too:
                unit = " characters" if self.kind in ("string", "password") else ""
                raise ValueError(f"must be {word} {spell(bound)}{unit}")
        if self.pattern and not self._matches(str(value)):
            raise ValueError(f"must match the pattern {self.pattern}")

    def _compare(self, value: Value, bound: Value) -> int:
        limit = measure(self.kind, bound) if self.kind == "quantity" else measure("number", bound)
        size = measure(self.kind, value)
        return (size > limit) - (size < limit)

    def _matches(self, text: str) -> bool:
        return len(text) <= MAX_MATCHED and compile_pattern(self.pattern).fullmatch(text) is not None

    def describe(self) -> dict[str, Any]:
        """Return what a form or a program needs to ask for a value, as JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "help": self.help,
            "type": self.kind,
            "default": self.default,
            "choices": list(self.choices),
            "min": self.min,
            "max": self.max,
            "pattern": self.pattern,
            "reserved": self.reserved,
        }


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> Any:
    """Compile a pattern of a template's author, who may be anybody.

    RE2 takes time linear in the text; ``re`` can be made to take for ever.

    Raises: ValueError with the end of a sentence if it is no RE2 expression.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"is not a pattern that RE2 understands: {text}") from None


@dataclass(frozen=True)
class ServiceTemplate:
    """A parsed service template. ``documents[i]`` is document ``document_indexes[i]`` of the file.

    Attributes:
        id: a label value; what users launch.
        singleton: at most one server of it at a time and user.
        auth: only people with access may open it.
        datasets: datasets are mounted into its pods.
        category: heading in the catalogue; may be empty.
        connect: how to use a service that has no page, with variables in it.
        idle: seconds without use after which it is stopped; infinity for never, None for the platform's
            default.
        origins: pages of other places that may act on it with its visitors' cookies, as browsers name them.
        text: the file as it was written.
        custom: a user's own, as opposed to the platform's.
        filename: base name of the file, for the platform's own.
    """

    id: str
    name: str
    description: str
    singleton: bool
    auth: bool
    datasets: bool
    variables: tuple[Variable, ...]
    documents: tuple[Manifest, ...]
    document_indexes: tuple[int, ...]
    text: str = field(repr=False)
    category: str = ""
    connect: str = ""
    idle: float | None = None
    origins: tuple[str, ...] = ()
    custom: bool = False
    filename: str = ""

    @property
    def user_variables(self) -> tuple[Variable, ...]:
        """The variables that users choose, ``NAME`` among them."""
        return tuple(variable for variable in self.variables if not variable.reserved)

    @property
    def secret_names(self) -> frozenset[str]:
        """Names of the variables whose values are kept in a Secret."""
        return frozenset(variable.name for variable in self.user_variables if variable.secret)

    def variable(self, name: str) -> Variable | None:
        """Find a variable by its exact name."""
        return next((variable for variable in self.variables if variable.name == name), None)

    def similar_variable(self, name: str) -> str:
        """Guess which variable somebody meant, or return ""."""
        names = {variable.name.upper(): variable.name for variable in self.user_variables}
        found = difflib.get_close_matches(name[:64].upper(), names, n=1)
        return names[found[0]] if found else ""

    def summary(self) -> dict[str, Any]:
        """Return Karvdash's JSON form of a template; ``variables`` are as the author wrote them."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "singleton": self.singleton,
            "auth": self.auth,
            "datasets": self.datasets,
            "variables": [dict(variable.raw) for variable in self.variables],
            **({"filename": self.filename} if self.filename else {}),
            "custom": self.custom,
        }
