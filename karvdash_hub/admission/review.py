"""AdmissionReview: what the API server asks, and the answer. Everything that makes no sense is named.

ref: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from karvdash_hub.errors import KarvdashError

Json = dict[str, Any]

API_VERSION: Final = "admission.k8s.io/v1"
EPHEMERAL: Final = "ephemeralcontainers"
#: What may be asked: (operation, subresource).
_ASKED: Final = {("CREATE", ""), ("UPDATE", EPHEMERAL)}


class NoReview(KarvdashError):
    """The body is no AdmissionReview, so there is not even a uid to answer to."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "no-review", 400)


class Senseless(KarvdashError):
    """An AdmissionReview that this webhook must not be asked; the message names every reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems), "senseless", 400)


class Review(NamedTuple):
    """A question about a pod.

    Attributes:
        ephemeral: it is about debugging containers that join the pod, else about its creation.
        before: the names of those that were there already.
        owner: kind and name of the controller that makes the pod, or of the pod itself.
    """

    uid: str
    namespace: str
    dry_run: bool
    pod: Json
    ephemeral: bool
    before: frozenset[str]
    owner: str


def envelope(body: bytes) -> Json:
    """Return the ``request`` of an AdmissionReview.

    Raises: NoReview.
    """
    try:
        review = json.loads(body)
    except ValueError:
        raise NoReview("The body is not JSON; an AdmissionReview is expected.") from None
    if not isinstance(review, dict) or review.get("kind") != "AdmissionReview":
        kind = review.get("kind") if isinstance(review, dict) else None
        raise NoReview(f"The body is no AdmissionReview: its kind is {_shown(kind)}.")
    if (version := review.get("apiVersion")) != API_VERSION:
        raise NoReview(
            f"The AdmissionReview is of apiVersion {_shown(version)}; only {API_VERSION} is known."
        )
    request = review.get("request")
    if not isinstance(request, dict):
        raise NoReview("The AdmissionReview has no request.")
    if not isinstance(request.get("uid"), str) or not request["uid"]:
        raise NoReview("The AdmissionReview has no request.uid.")
    return request


def read(request: Json, prefix: str) -> Review:
    """Read a request about a pod in a namespace whose name begins with ``prefix``.

    The namespace is the request's: that of the pod itself is empty when a controller makes it.

    Raises: Senseless.
    """
    kind, resource = _mapping(request, "kind"), _mapping(request, "resource")
    operation, subresource = request.get("operation"), request.get("subResource") or ""
    namespace, pod = request.get("namespace"), request.get("object")
    problems = []
    if (kind.get("group"), kind.get("kind")) != ("", "Pod") or resource.get("resource") != "pods":
        what = f"{_shown(kind.get('kind'))} of group {_shown(kind.get('group'))}"
        problems.append(f"request.kind is {what}; this webhook is for pods.")
    if (operation, subresource) not in _ASKED:
        asked = f"{_shown(operation)} of {_shown(f'pods/{subresource}' if subresource else 'pods')}"
        known = f"CREATE of pods and UPDATE of pods/{EPHEMERAL}"
        problems.append(f"request.operation is {asked}; this webhook is for {known}.")
    if not isinstance(namespace, str) or not namespace.startswith(prefix) or namespace == prefix:
        problems.append(
            f"request.namespace is {_shown(namespace)}; this webhook is for namespaces {prefix}<user>."
        )
    if not isinstance(pod, dict):
        problems.append("request.object is missing; it has to be the pod.")
    elif not isinstance(pod.get("spec"), dict) or not isinstance(pod.get("metadata"), dict):
        problems.append("request.object has no metadata and spec; it has to be the pod.")
    if problems or not isinstance(pod, dict):
        raise Senseless(problems)
    return Review(
        uid=request["uid"],
        namespace=str(namespace),
        dry_run=request.get("dryRun") is True,
        pod=pod,
        ephemeral=subresource == EPHEMERAL,
        before=_ephemeral_names(request.get("oldObject")),
        owner=_owner(pod, request),
    )


def allow(uid: str, operations: Sequence[Json], warnings: Sequence[str] = ()) -> bytes:
    """Answer yes, with what to add. kubectl prints the warnings."""
    response: Json = {"uid": uid, "allowed": True}
    if operations:
        text = json.dumps(operations, separators=(",", ":")).encode()
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(text).decode()}
    if warnings:
        # The API server cuts longer ones. ref: k8s.io/api/admission/v1 AdmissionResponse.warnings
        response["warnings"] = [warning[:256] for warning in warnings[:16]]
    return _answer(response)


def deny(uid: str, error: KarvdashError) -> bytes:
    """Answer no, with a sentence that whoever made the pod gets to read."""
    status = {"code": error.status, "message": error.message}
    return _answer({"uid": uid, "allowed": False, "status": status})


def _answer(response: Json) -> bytes:
    review = {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
    return json.dumps(review, separators=(",", ":")).encode()


def _owner(pod: Json, request: Json) -> str:
    metadata = pod["metadata"]
    references = metadata.get("ownerReferences")
    for reference in references if isinstance(references, list) else ():
        if isinstance(reference, dict) and reference.get("controller"):
            return f"{reference.get('kind')} {reference.get('name')}"
    return f"Pod {metadata.get('name') or request.get('name') or metadata.get('generateName') or ''}".strip()


def _ephemeral_names(pod: Any) -> frozenset[str]:
    spec = pod.get("spec") if isinstance(pod, dict) else None
    containers = spec.get("ephemeralContainers") if isinstance(spec, dict) else None
    found = containers if isinstance(containers, list) else ()
    return frozenset(str(container.get("name")) for container in found if isinstance(container, dict))


def _mapping(request: Json, key: str) -> Json:
    value = request.get(key)
    return value if isinstance(value, dict) else {}


def _shown(value: Any) -> str:
    return "missing" if value is None else json.dumps(value)[:80]
