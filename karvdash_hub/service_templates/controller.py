"""Ingresses for the site's own controller, which asks the gate who may pass: ``exposure = "ingress"``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Final

from karvdash_hub.service_templates.ingress import is_ingress
from karvdash_hub.service_templates.tree import Manifest, mapping

#: Annotations of ours, which no controller reads.
_OURS: Final = "karvdash.io/"


def for_controller(
    manifests: Sequence[Manifest], *, ingress_class: str, annotations: Mapping[str, str]
) -> list[Manifest]:
    """Return the manifests with every Ingress in the controller's hands, and the rest unchanged.

    What a template says to controllers is dropped: it could switch the question to the gate off.

    Args:
        ingress_class: of the controller.
        annotations: what makes it ask.
    """
    handed = deepcopy(list(manifests))
    for manifest in filter(is_ingress, handed):
        given = mapping(manifest, "metadata", "annotations")
        kept = {name: value for name, value in given.items() if name.startswith(_OURS)}
        manifest["metadata"]["annotations"] = {**kept, **annotations}
        manifest["spec"]["ingressClassName"] = ingress_class
    return handed
