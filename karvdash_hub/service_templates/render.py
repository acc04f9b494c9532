"""Service template and values to manifests.

Values go into the parsed tree and never into text, so no value can add a key, a list item or a
document, whatever it contains.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from karvdash_hub.errors import FieldError, ManifestsInvalid
from karvdash_hub.service_templates.fields import expands_dollars, expected
from karvdash_hub.service_templates.model import ServiceTemplate
from karvdash_hub.service_templates.platform import RESERVED
from karvdash_hub.service_templates.tree import Manifest, Path, shorten, show_path
from karvdash_hub.service_templates.variable_types import Value, spell
from karvdash_hub.service_templates.workloads import api_group
from karvdash_hub.service_templates.yaml_text import resolve

#: Characters of all strings of all manifests; the API server takes 3 MiB a request.
MAX_RENDERED: Final = 2 * 1024 * 1024

# The grammar of Python's string.Template, which Karvdash used.
_REFERENCE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<bare>[_a-zA-Z][_a-zA-Z0-9]*)|\{(?P<braced>[_a-zA-Z][_a-zA-Z0-9]*)\})"
)
# What the kubelet would take for its own: see fields.expands_dollars.
_KUBELET = re.compile(r"\$(?=[$(])")


def render(
    template: ServiceTemplate, values: Mapping[str, Value], platform: Mapping[str, str]
) -> list[Manifest]:
    """Fill in the ``$VARIABLES`` of a service template.

    ``$NAME`` and ``${NAME}`` are filled in if the template declares the variable; everything else
    that starts with ``$`` stays, and ``$$`` becomes ``$``. Values are not filled in again. A scalar
    that is only a variable takes the value's type, or the one that Kubernetes expects there; a scalar
    that contains one becomes text. Mapping keys are filled in as text.

    Args:
        template: left unchanged.
        values: from ``check_values``; variables that are missing take their defaults.
        platform: from ``platform_values``; wins over ``values``.
    Returns: a manifest for each of ``template.documents``.
    Raises: ManifestsInvalid if two keys become the same one, or the result is too large.
    """
    scope = variable_scope(template, values, platform)
    number_like = frozenset(variable.name for variable in template.variables if variable.number_like)
    filler = _Filler(scope, number_like)
    manifests = [
        filler.fill_document(document, index)
        for document, index in zip(template.documents, template.document_indexes, strict=True)
    ]
    if filler.errors:
        raise ManifestsInvalid(filler.errors)
    return manifests


def variable_scope(
    template: ServiceTemplate, values: Mapping[str, Value], platform: Mapping[str, str]
) -> dict[str, Value]:
    """Return the value of every declared variable; reserved names in upper case get the platform's."""
    scope = {variable.name: values.get(variable.name, variable.default) for variable in template.variables}
    return scope | {name: platform[name] for name in RESERVED if name in scope and name in platform}


def fill_text(text: str, scope: Mapping[str, Value]) -> str:
    """Fill variables into one piece of text outside any manifest."""
    return _Filler(scope, frozenset()).fill_text(text)


class _Filler:
    def __init__(self, scope: Mapping[str, Value], number_like: frozenset[str]) -> None:
        self.errors: list[FieldError] = []
        self._scope = scope
        self._number_like = number_like
        self._characters = 0
        self._group = self._kind = ""
        self._index = 0

    def fill_document(self, document: Manifest, index: int) -> Manifest:
        self._index = index
        self._group = api_group(document)
        self._kind = str(document.get("kind"))
        filled = self._fill(document, ())
        return filled if isinstance(filled, dict) else {}

    def _fill(self, node: Any, path: Path) -> Any:
        if isinstance(node, dict):
            return self._fill_mapping(node, path)
        if isinstance(node, list):
            return [self._fill(item, (*path, position)) for position, item in enumerate(node)]
        return self._fill_scalar(node, path) if isinstance(node, str) else node

    def _fill_mapping(self, node: dict[str, Any], path: Path) -> dict[str, Any]:
        filled: dict[str, Any] = {}
        for key, value in node.items():
            new_key = self.fill_text(key)
            if new_key in filled:
                message = f"Two keys are both {shorten(new_key)} once the variables are filled in."
                self.errors.append(FieldError(self._index, show_path((*path, new_key)), message))
            filled[new_key] = self._fill(value, (*path, new_key))
        return filled

    def _fill_scalar(self, text: str, path: Path) -> Value:
        """Fill one scalar and give it the type that belongs there."""
        if "$" not in text:
            self._spend(len(text))
            return text
        match = _REFERENCE.fullmatch(text)
        name = (match["bare"] or match["braced"]) if match else None
        kind = expected(self._group, self._kind, path)
        filled = self.fill_text(text, protect=expands_dollars(path))
        if kind in ("integer", "boolean"):
            meant = resolve(filled)
            fits = isinstance(meant, bool) if kind == "boolean" else type(meant) is int
            return meant if fits else filled
        if kind == "any" and name is not None and name in self._scope:
            return self._typed(name)
        return filled

    def _typed(self, name: str) -> Value:
        value = self._scope[name]
        if name in self._number_like and isinstance(value, str):
            number = resolve(value)
            if isinstance(number, float):
                return float(number)
            return number if type(number) is int else value
        return value

    def fill_text(self, text: str, *, protect: bool = False) -> str:
        """Fill text. ``protect`` keeps the kubelet from expanding what a *value* contains."""

        def replace(match: re.Match[str]) -> str:
            if match["escaped"]:
                return "$"
            name = match["bare"] or match["braced"]
            if name not in self._scope:
                return match[0]
            value = spell(self._scope[name])
            value = _KUBELET.sub("$$", value) if protect else value
            self._spend(len(value))
            return value

        self._spend(len(text))
        return _REFERENCE.sub(replace, text)

    def _spend(self, characters: int) -> None:
        """Stop before the memory is used: one long value may stand at a hundred thousand places."""
        self._characters += characters
        if self._characters > MAX_RENDERED:
            message = f"The objects are too large: together more than {MAX_RENDERED // 1024} KiB of text."
            raise ManifestsInvalid([FieldError(None, "", message)])
