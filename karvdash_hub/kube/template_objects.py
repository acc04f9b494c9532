"""Template objects: what is kept of one, and how one is written.

They are Karvdash's: ``spec.data`` is the YAML text in base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from karvdash_hub.names import LABEL_MANAGED_BY, MANAGED_BY
from karvdash_hub.service_templates import Manifest, ServiceTemplate
from karvdash_hub.service_templates.yaml_text import MAX_TEXT

API_VERSION = "karvdash.carv.ics.forth.gr/v1"
KIND = "Template"
#: Columns of ``kubectl get templates`` (share/rbac/crd.yaml).
ANNOTATION_TITLE = "karvdash.io/title"
ANNOTATION_DESCRIPTION = "karvdash.io/description"

_COLUMN = 100


class Stored:
    """A Template object. Two of the same text are equal.

    Attributes:
        digest: of the text; names its outcome in the cache.
        text: None if there is none that can be read.
        problem: why not, a sentence.
    """

    __slots__ = ("digest", "problem", "text")

    def __init__(self, digest: str, text: str | None, problem: str = "") -> None:
        self.digest = digest
        self.text = text
        self.problem = problem

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stored) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def drop(self, problem: str) -> None:
        """Free the memory of the text, which will not be read."""
        self.text, self.problem = None, problem


def project_template(item: Manifest) -> Stored:
    """Keep the text of a Template object, or why it cannot be read."""
    data = (item.get("spec") or {}).get("data")
    try:
        # Tools that wrap base64 at 76 characters are right, too.
        text = base64.b64decode("".join(str(data or "").split()), validate=True).decode("utf-8-sig")
    except (binascii.Error, UnicodeDecodeError):
        return Stored("", None, "must be the template's text in base64.")
    digest = hashlib.sha256(text.encode()).hexdigest()
    if not text:
        return Stored(digest, None, "must be the template's text in base64.")
    if len(text) > MAX_TEXT:
        return Stored(digest, None, f"has {len(text)} characters; at most {MAX_TEXT} are read.")
    return Stored(digest, text)


def template_manifest(namespace: str, id: str, template: ServiceTemplate) -> Manifest:
    """Write a Template object of a user's own."""
    columns = {ANNOTATION_TITLE: template.name, ANNOTATION_DESCRIPTION: template.description}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": id,
            "namespace": namespace,
            "labels": {LABEL_MANAGED_BY: MANAGED_BY},
            "annotations": {name: " ".join(text.split())[:_COLUMN] for name, text in columns.items()},
        },
        "spec": {"data": base64.b64encode(template.text.encode()).decode()},
    }
