"""The objects of one server: first a dry run of all of them, then all of them, as their owner.

The dry run makes every mistake known before anything exists: the API server checks rights, schema, quota
and policies object by object, and all that it refuses is reported together.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from karvdash_hub.errors import FieldError, KarvdashError
from karvdash_hub.kube import fieldpaths
from karvdash_hub.kube.errors import (
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    TooMany,
    Unauthorized,
    Unreachable,
    schema_paths,
)
from karvdash_hub.kube.rest import Kube, describe
from karvdash_hub.names import LABEL_SERVER
from karvdash_hub.service_templates.tree import Manifest, dig, show_path
from karvdash_hub.service_templates.workloads import pod_template
from karvdash_hub.waiting import all_of

#: What is applied before the rest, because pods and role bindings need it.
_FIRST = frozenset(
    {
        "ConfigMap",
        "LimitRange",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "ResourceQuota",
        "Role",
        "Secret",
        "ServiceAccount",
    }
)
#: What makes no pods, and may be applied at the same time as what does.
_ADDRESSES = frozenset({"Ingress", "Service"})
#: Misfits with the schema that are looked for in one object.
_MISFITS = 20
_MISSING = re.compile(r'([\w.]+) "([^"]+)" not found')


@dataclass(frozen=True)
class Refusal(FieldError):
    """What the API server refuses of one object; ``document`` is its index in the list given.

    Attributes:
        kind, name: of the object.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        place = f"{self.kind} {self.name}".strip() + (f", {self.field}" if self.field else "")
        return f"{place}: {self.message}"


class Refused(KarvdashError):
    """Kubernetes refuses objects of a server; ``errors`` holds every refusal."""

    def __init__(self, errors: Sequence[Refusal]) -> None:
        self.errors: list[Refusal] = list(errors)
        lines = ["Kubernetes refuses this:", *(f"- {error}" for error in self.errors)]
        message = str(self.errors[0]) if len(self.errors) == 1 else "\n".join(lines)
        super().__init__(message, "refused", 422)


async def dry_run(kube: Kube, manifests: Sequence[Manifest], *, as_user: str | None) -> list[Refusal]:
    """Let the API server check all objects without storing one; return all that it refuses, in order.

    An object that exists already is refused unless it carries the same ``karvdash.io/server`` label:
    an apply would take it over silently. An object that needs another one of the same list passes.

    Raises: Unreachable, Unauthorized, TooMany: nothing is known about the objects then.
    """
    results = await all_of(
        *(_check(kube, index, manifest, manifests, as_user) for index, manifest in enumerate(manifests))
    )
    return [refusal for refusals in results for refusal in refusals]


async def apply_all(kube: Kube, manifests: Sequence[Manifest], *, as_user: str | None) -> list[Manifest]:
    """Apply all objects, those first that others need; return them as stored, in the order given.

    Raises: Refused with all that the API server refuses. The objects before it exist then: whoever calls
        removes them, by deleting their owner. Unreachable and other KubeErrors likewise.
    """
    stored: dict[int, Manifest] = {}
    for stage in stages(manifests):
        results = await asyncio.gather(
            *(kube.apply(manifests[index], as_user=as_user) for index in stage), return_exceptions=True
        )
        refusals: list[Refusal] = []
        for index, result in zip(stage, results, strict=True):
            if isinstance(result, KubeError):
                refusals += _refusals(index, manifests[index], result)
            elif isinstance(result, BaseException):
                raise result
            else:
                stored[index] = result
        if refusals:
            raise Refused(refusals)
    return [stored[index] for index in range(len(manifests))]


def stages(manifests: Sequence[Manifest]) -> list[list[int]]:
    """Group indexes into what is applied first and the rest; all of a group are applied at the same time."""
    early = _FIRST | {"Service"} if any(map(_wants_services, manifests)) else _FIRST
    first = [index for index, manifest in enumerate(manifests) if manifest.get("kind") in early]
    rest = [index for index in range(len(manifests)) if index not in first]
    return [stage for stage in (first, rest) if stage]


def _wants_services(manifest: Manifest) -> bool:
    """Tell whether pods may look for Services in their environment, which has those that came before them.

    ref: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    """
    if manifest.get("kind") in _FIRST | _ADDRESSES:
        return False
    return dig(pod_template(manifest), "spec", "enableServiceLinks") is not False


async def _check(
    kube: Kube, index: int, manifest: Manifest, manifests: Sequence[Manifest], as_user: str | None
) -> list[Refusal]:
    refusals, new = await _dry_apply(kube, index, manifest, as_user)
    taken = [] if new else await _taken(kube, index, manifest, as_user)
    return taken + [refusal for refusal in refusals if not _waits_for_another(refusal, manifests)]


async def _taken(kube: Kube, index: int, manifest: Manifest, as_user: str | None) -> list[Refusal]:
    """Refuse an object that exists and is not this server's."""
    metadata = manifest.get("metadata") or {}
    server = (metadata.get("labels") or {}).get(LABEL_SERVER)
    if not server:
        return []
    try:
        live = await kube.get(
            str(manifest.get("apiVersion")),
            str(manifest.get("kind")),
            str(metadata.get("name", "")),
            str(metadata.get("namespace", "")),
            as_user=as_user,
        )
    except (NotFound, Forbidden, Invalid):
        return []  # does not exist, or the dry run says what is wrong
    found = live["metadata"]
    if (owner := (found.get("labels") or {}).get(LABEL_SERVER)) != server:
        whose = f"service {owner}" if owner else "no service"
        return [
            _refusal(
                index, manifest, f"exists already and belongs to {whose}. Choose another name or delete it."
            )
        ]
    if found.get("deletionTimestamp"):
        return [_refusal(index, manifest, "is being deleted. Try again in a moment.")]
    return []


async def _dry_apply(
    kube: Kube, index: int, manifest: Manifest, as_user: str | None
) -> tuple[list[Refusal], bool]:
    """Collect everything that is wrong with one object; also tell whether it is certain not to exist.

    The API server checks values only when all fields fit the schema, and does not name all misfits at
    once. So a field that does not fit is noted and left out, and the rest is checked again.
    """
    rest = manifest
    refusals: list[Refusal] = []
    left_out: list[str] = []
    for _ in range(_MISFITS):
        try:
            would = await kube.apply(rest, as_user=as_user, dry_run=True)
        except (Unreachable, Unauthorized, TooMany):
            raise
        except KubeError as error:
            found = _refusals(index, rest, error)
            # That a field which we left out is now missing is no news.
            refusals += [refusal for refusal in found if not refusal.field.startswith(tuple(left_out))]
            places = [place for path in schema_paths(error) if (place := fieldpaths.locate(rest, path))]
            if not places:
                break
            left_out += map(show_path, places)
            rest = fieldpaths.without(rest, places)
        else:
            # What is only about to be created has no version yet; what exists has one in a dry run too.
            return refusals, not would["metadata"].get("resourceVersion")
    return refusals, False


def _refusals(index: int, manifest: Manifest, error: KubeError) -> list[Refusal]:
    if isinstance(error, Unreachable | Unauthorized | TooMany):
        raise error
    if not error.errors:
        return [_refusal(index, manifest, error.message.removeprefix(f"{describe(manifest)}: "))]
    return [
        _refusal(index, manifest, found.message, _counted(manifest, found.field)) for found in error.errors
    ]


def _refusal(index: int, manifest: Manifest, message: str, field: str = "") -> Refusal:
    name = str((manifest.get("metadata") or {}).get("name", ""))
    return Refusal(index, field, message, str(manifest.get("kind", "object")), name)


def _counted(manifest: Manifest, field: str) -> str:
    place = fieldpaths.locate(manifest, field) if field.startswith(".") else None
    return show_path(place) if place else field.removeprefix(".")


def _waits_for_another(refusal: Refusal, manifests: Sequence[Manifest]) -> bool:
    """Tell whether all that is missing is an object of the same list, which will be applied first.

    A Pod wants its ServiceAccount, a RoleBinding its Role. The API server says: serviceaccount "x" not found.
    """
    if refusal.field or not (missing := _MISSING.search(refusal.message)):
        return False
    word, name = missing[1].partition(".")[0].lower(), missing[2]
    wanted = (word.removesuffix("s"), name)
    return any(wanted == (str(other.get("kind", "")).lower(), _name(other)) for other in manifests)


def _name(manifest: Manifest) -> Any:
    return (manifest.get("metadata") or {}).get("name")
