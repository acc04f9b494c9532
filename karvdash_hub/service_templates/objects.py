"""Rules that every object of a service template keeps, before and after its variables are filled in.

Kubernetes and the cluster's policies decide in the end; what can be said without asking them is
said here, at upload, all at once and with the place in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from karvdash_hub.errors import FieldError
from karvdash_hub.names import LABEL_KEEP, RESERVED_SERVER_PREFIX
from karvdash_hub.service_templates.tree import Manifest, dig, mapping, shorten
from karvdash_hub.service_templates.workloads import pod_template, pod_template_path

MAX_OBJECTS: Final = 100

#: Kinds without a namespace, which a user's rights do not reach. Kubernetes refuses them anyway.
CLUSTER_KINDS: Final = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)
#: What every namespace has; a launch that owned one would take it away when it ends.
_NAMESPACE_OBJECTS: Final = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}
_LABEL_DOMAIN: Final = "karvdash.io/"
_OWN_NAMESPACE: Final = ("$NAMESPACE", "${NAMESPACE}")

Problem = tuple[str, str]  # field, message


def check_objects(
    documents: Sequence[Any], indexes: Sequence[int], *, namespace: str = ""
) -> list[FieldError]:
    """Return every mistake of these objects that can be seen without the cluster.

    Args:
        indexes: index in the file of each document.
        namespace: name that ``metadata.namespace`` may have once ``$NAMESPACE`` is filled in.
    """
    allowed = (*_OWN_NAMESPACE, namespace)
    errors = [
        FieldError(index, field, message)
        for index, document in zip(indexes, documents, strict=True)
        for field, message in _object_problems(document, allowed)
    ]
    errors += _duplicates(documents, indexes)
    if len(documents) > MAX_OBJECTS:
        message = f"There are {len(documents)} objects; at most {MAX_OBJECTS} are allowed."
        errors.append(FieldError(None, "", message))
    return errors


def _object_problems(document: Any, namespaces: Iterable[str]) -> Iterator[Problem]:
    if document is None or document == {}:
        yield "", "The document is empty. Remove it and one of the --- lines."
        return
    if not isinstance(document, dict):
        yield "", "A document is a mapping that starts with apiVersion and kind."
        return
    yield from _kind_problems(document)
    yield from _metadata_problems(document, namespaces)
    yield from _label_problems(document)


def _kind_problems(document: Manifest) -> Iterator[Problem]:
    for field in ("apiVersion", "kind"):
        if not isinstance(document.get(field), str) or not document[field]:
            yield field, "This field is required, as text."
    kind = document.get("kind")
    if isinstance(kind, str) and kind.endswith("List") and "items" in document:
        yield "kind", "Write the items of the list as documents of their own."
    elif isinstance(kind, str) and kind in CLUSTER_KINDS:
        yield "kind", f"{kind} is not possible: it belongs to the whole cluster, not to a namespace."


def _metadata_problems(document: Manifest, namespaces: Iterable[str]) -> Iterator[Problem]:
    metadata, kind = document.get("metadata"), str(document.get("kind"))
    if kind.endswith("List"):
        return
    if not isinstance(metadata, dict):
        yield "metadata", "This field is required, with a name in it."
        return
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        yield "metadata.name", "Every object needs a name, as text."
    elif name.startswith(RESERVED_SERVER_PREFIX) or (kind, name) in _NAMESPACE_OBJECTS:
        yield "metadata.name", f"The name {shorten(name)} belongs to the platform. Choose another one."
    if "generateName" in metadata:
        yield "metadata.generateName", "Give the object a name instead, so that it can be found again."
    namespace = metadata.get("namespace")
    if namespace is not None and namespace not in namespaces:
        yield "metadata.namespace", "Remove it: everything goes into the namespace of the user who launches."
    for field in ("labels", "annotations"):
        if not isinstance(metadata.get(field), dict | None):
            yield f"metadata.{field}", "This must be a mapping."


def _label_problems(document: Manifest) -> Iterator[Problem]:
    """Refuse labels and annotations by which the platform knows its own objects."""
    places = [("metadata", mapping(document, "metadata"))]
    template, path = pod_template(document), pod_template_path(document)
    if template is not None and path:
        where = ".".join(path)
        if not isinstance(dig(template, "metadata", "labels"), dict | None):
            yield f"{where}.metadata.labels", "This must be a mapping."
        places.append((f"{where}.metadata", mapping(template, "metadata")))
    for where, metadata in places:
        for field in ("labels", "annotations"):
            for key in mapping(metadata, field):
                if key.startswith(_LABEL_DOMAIN) and key != LABEL_KEEP:
                    yield f"{where}.{field}[{shorten(key)}]", "The platform sets this one. Remove it."


def _duplicates(documents: Sequence[Any], indexes: Sequence[int]) -> Iterator[FieldError]:
    seen: dict[tuple[str, str, str], int] = {}
    for index, document in zip(indexes, documents, strict=True):
        kind, name = dig(document, "kind"), dig(document, "metadata", "name")
        group = str(dig(document, "apiVersion")).rpartition("/")[0]
        if not isinstance(kind, str) or not isinstance(name, str):
            continue
        first = seen.setdefault((group, kind, name), index)
        if first != index:
            message = f"Document {first + 1} is the {kind} {shorten(name)} already. Rename one of them."
            yield FieldError(index, "metadata.name", message)
