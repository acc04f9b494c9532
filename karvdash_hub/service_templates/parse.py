"""YAML text to a service template, or every mistake in it with document and field."""

from __future__ import annotations

import random
import re
import string
from typing import Final

from karvdash_hub.errors import FieldError, KarvdashError, ManifestsInvalid, TemplateInvalid, ValuesInvalid
from karvdash_hub.names import service_host, suggest_server_name
from karvdash_hub.service_templates.model import ServiceTemplate
from karvdash_hub.service_templates.objects import check_objects
from karvdash_hub.service_templates.plan import plan
from karvdash_hub.service_templates.platform import platform_values
from karvdash_hub.service_templates.section import is_section, read_section
from karvdash_hub.service_templates.tree import shorten
from karvdash_hub.service_templates.yaml_text import Document, load, plain

SUFFIX: Final = ".template.yaml"
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_CUSTOM_STEM: Final = 50


def parse(text: str, *, id: str, custom: bool = False, filename: str = "") -> ServiceTemplate:
    """Read a service template.

    Args:
        text: the file's content, one YAML document for each object and one of ``kind: Template``.
        id: from ``template_id`` or ``custom_id``.
        custom: it is a user's own.
        filename: base name of the file, if it comes from one.
    Raises: TemplateInvalid with all mistakes, not only the first.
    Source: docs/reference/service-templates.md.
    """
    documents, errors = load(text)
    sections = [document for document in documents if is_section(document.value)]
    payload = [document for document in documents if not is_section(document.value)]
    objects = [plain(document.value) for document in payload]
    indexes = tuple(document.index for document in payload)
    errors = [*errors, *check_objects(objects, indexes), *_count_sections(sections, bool(errors))]
    if not payload and not errors:
        errors.append(FieldError(None, "", "The file describes nothing to launch: add at least one object."))
    read = [read_section(document.value, document.index) for document in sections]
    errors += [error for _, mistakes in read for error in mistakes]
    if errors:
        raise TemplateInvalid(sorted(errors, key=_place))
    section = read[0][0]
    template = ServiceTemplate(
        id=id,
        name=section.name,
        description=section.description,
        singleton=section.singleton,
        auth=section.auth,
        datasets=section.datasets,
        variables=section.variables,
        documents=tuple(objects),
        document_indexes=indexes,
        text=text,
        category=section.category,
        connect=section.connect,
        idle=section.idle,
        origins=section.origins,
        custom=custom,
        filename=filename,
    )
    _try_defaults(template)
    return template


def _place(error: FieldError) -> int:
    return -1 if error.document is None else error.document


def _count_sections(sections: list[Document], unread: bool) -> list[FieldError]:
    if not sections and not unread:  # it may be in the part that could not be read
        return [FieldError(None, "", "The Template section is missing: a document with kind: Template.")]
    message = "This is a second Template section. Keep one."
    return [FieldError(document.index, "kind", message) for document in sections[1:]]


def _try_defaults(template: ServiceTemplate) -> None:
    """Launch the template on paper, so that what cannot work is said at upload and not at launch."""
    variable = template.variable("NAME")
    name = suggest_server_name(str(variable.default) if variable else "")
    platform = platform_values(
        namespace="karvdash-user",
        host=service_host(name, "user", "example.com"),
        registry="registry.example.com:5000",
    )
    try:
        plan(template, server=name, values={}, platform=platform)
    except (ManifestsInvalid, ValuesInvalid) as invalid:
        raise TemplateInvalid(invalid.errors) from None


def template_id(filename: str) -> str:
    """Return the id of a template file: its name up to the first dot.

    Raises: KarvdashError if the name does not end in ``.template.yaml`` or yields no id.
    """
    stem = filename.partition(".")[0]
    if not filename.endswith(SUFFIX) or not _ID.fullmatch(stem):
        raise KarvdashError(
            f"{shorten(filename)} is no name for a service template: use lower-case letters, digits and "
            f"hyphens, at most 63, and {SUFFIX} at the end.",
            "template-name",
        )
    return stem


def custom_id(name: str, rng: random.Random) -> str:
    """Make an id for a user's own template from its name: ``My App`` becomes ``my-app-xkcd``.

    Call it again when the id is taken.
    """
    kept = re.sub(r"[^A-Za-z0-9 ]", "", name).lower()
    stem = "-".join(kept.split())[:_CUSTOM_STEM].strip("-") or "template"
    return f"{stem}-{''.join(rng.choices(string.ascii_lowercase, k=4))}"
