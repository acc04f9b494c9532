"""From a pod and what is known of its namespace to the JSON patch that gives it its volumes.

Nothing of the pod is ever changed or removed, only added:

    volumes         one for each data domain, the API Secret and each dataset that is ready
    volumeMounts    of them, in containers, init containers and sidecars
    env             KARVDASH_*, in front of the container's own, so that those can refer to them

Doing it twice changes nothing (Kubernetes may ask again), because everything is recognised: a volume by what
it leads to, whatever its name is; a mount by its path; a variable by its name.

ref: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, count
from typing import Any, Final, Literal, NamedTuple

from karvdash_hub import names
from karvdash_hub.errors import KarvdashError

Json = dict[str, Any]

PRIVATE_DIR: Final = "/private"
SHARED_DIR: Final = "/shared"
DATASETS_DIR: Final = "/mnt/datasets"
Domain = Literal["private", "shared"]
DOMAINS: Final[dict[Domain, str]] = {"private": PRIVATE_DIR, "shared": SHARED_DIR}
_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


class Dataset(NamedTuple):
    """A dataset of the namespace. ``problem`` says why it cannot be mounted; empty when it can."""

    name: str
    problem: str = ""
    read_only: bool = False


class Facts(NamedTuple):
    """What is known of a user namespace.

    Attributes:
        domains: of "private" and "shared", those that the namespace's pods get.
        datasets: in order of their names, ready or not.
        environment: names and values of variables that do not depend on the pod.
    """

    namespace: str
    domains: tuple[Domain, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


class Patch(NamedTuple):
    """What to add to a pod.

    Attributes:
        operations: of a JSON patch (RFC 6902), only "add".
        datasets: those that were left out, with the reason.
        notes: everything that the pod does not get although others do, in sentences.
    """

    operations: list[Json]
    datasets: tuple[Dataset, ...] = ()
    notes: tuple[str, ...] = ()


class Malformed(KarvdashError):
    """The pod is not one; the message names the field."""

    def __init__(self, field: str, wanted: str) -> None:
        super().__init__(f"object.{field} has to be {wanted}.", "malformed")


class _Volume(NamedTuple):
    name: str
    path: str
    kind: str
    source: Json
    read_only: bool = False


def patch(pod: Json, facts: Facts) -> Patch:
    """Say what to add to a pod that is being created.

    Raises: Malformed.
    """
    plan = _Plan(pod, facts)
    placed = list(_placed(plan))
    mounted = [volume for volume, _ in placed]
    volumes = [{"name": volume.name, volume.kind: volume.source} for volume, known in placed if not known]
    notes = [f"Dataset {dataset.name} is not mounted: {dataset.problem}." for dataset in plan.unready]
    operations = list(_append("/spec/volumes", plan.spec.get("volumes"), volumes))
    for section in ("initContainers", "containers"):
        for path, container in _containers(plan.spec, section):
            operations += _container(path, container, mounted, facts.environment, notes)
    operations += _annotation(pod, notes)
    return Patch(operations, plan.unready, tuple(notes))


def patch_ephemeral(pod: Json, facts: Facts, before: Collection[str]) -> Patch:
    """Say what to add to the debugging containers that join a running pod.

    No volume can be added to such a pod, so they get those that it has.

    Args:
        before: names of the ephemeral containers that are there already, which cannot be changed.

    Raises: Malformed.
    """
    plan = _Plan(pod, facts)
    mounted = [volume for volume, known in _placed(plan) if known]
    operations: list[Json] = []
    notes: list[str] = []
    for path, container in _containers(plan.spec, "ephemeralContainers"):
        if container.get("name") not in before:
            operations += _container(path, container, mounted, facts.environment, notes)
    return Patch(operations, (), tuple(notes))


def environment(
    facts: Facts, username: str, *, ingress_url: str = "", registry: str = "", argo_url: str = ""
) -> tuple[tuple[str, str], ...]:
    """Return the variables that every container of a namespace gets; those without a value are left out.

    Kubernetes expands ``$(NAME)`` in values, so a ``$`` is doubled.
    ref: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    values = {"USERNAME": username, "NAMESPACE": facts.namespace, "INGRESS_URL": ingress_url}
    for domain in facts.domains:
        values[f"{domain.upper()}_DIR"] = DOMAINS[domain]
        values[f"{domain.upper()}_VOLUME"] = names.claim_name(facts.namespace, domain)
    values |= {"REGISTRY": registry, "ARGO_URL": argo_url}
    return tuple((f"KARVDASH_{key}", value.replace("$", "$$")) for key, value in values.items() if value)


def volume_name(text: str) -> str:
    """Make a valid volume name (63 characters, no dots); what had to be changed ends in a hash."""
    if _LABEL.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^-a-z0-9]', '-', text.lower())[:54].strip('-')}-{digest}".lstrip("-")


class _Plan:
    """A pod's spec, checked, and the volumes that are meant for it."""

    def __init__(self, pod: Json, facts: Facts) -> None:
        self.spec = _mapping(pod, "spec", "spec")
        self.existing = _list(self.spec, "volumes", "spec.volumes")
        labels = _mapping(_mapping(pod, "metadata", "metadata"), "labels", "metadata.labels")
        datasets = () if labels.get(names.LABEL_NO_DATASETS) == "true" else facts.datasets
        self.unready = tuple(dataset for dataset in datasets if dataset.problem)
        self.volumes = [*_platform_volumes(facts)]
        self.volumes += [_dataset_volume(dataset) for dataset in datasets if not dataset.problem]


def _platform_volumes(facts: Facts) -> Iterator[_Volume]:
    for domain in facts.domains:
        claim = names.claim_name(facts.namespace, domain)
        yield _claimed(claim, claim, DOMAINS[domain])
    item = {"key": names.API_KEY, "path": names.API_KEY}
    # Optional: a pod starts without it, and the kubelet puts the file there once the Secret exists.
    secret = {"secretName": names.API_SECRET, "items": [item], "optional": True}
    yield _Volume(names.API_VOLUME, names.API_DIR, "secret", secret, read_only=True)


def _dataset_volume(dataset: Dataset) -> _Volume:
    # Datashim names the claim like the dataset. The prefix keeps it apart from the pod's own volumes.
    name = dataset.name
    volume = _claimed(f"karvdash-dataset-{name}", name, f"{DATASETS_DIR}/{name}")
    return volume._replace(read_only=dataset.read_only)


def _claimed(name: str, claim_name: str, path: str) -> _Volume:
    return _Volume(volume_name(name), path, "persistentVolumeClaim", {"claimName": claim_name})


def _placed(plan: _Plan) -> Iterator[tuple[_Volume, bool]]:
    """Yield each volume under its name in the pod, and whether it is there already.

    What counts is where a volume leads. One of our name that leads elsewhere is left alone and ours gets
    another name, so nobody takes the place of a folder by choosing a name.
    """
    taken = {other.get("name") for other in plan.existing}
    for volume in plan.volumes:
        if known := next((other for other in plan.existing if _leads_to(other, volume)), None):
            yield volume._replace(name=str(known.get("name"))), True
            continue
        candidates = (volume_name(f"{volume.name}-{number}") for number in count(2))
        name = next(name for name in chain((volume.name,), candidates) if name not in taken)
        taken.add(name)
        yield volume._replace(name=name), False


def _leads_to(existing: Json, volume: _Volume) -> bool:
    source = existing.get(volume.kind)
    return isinstance(source, dict) and volume.source.items() <= source.items() and not source.get("readOnly")


def _container(
    path: str,
    container: Json,
    volumes: Sequence[_Volume],
    variables: Sequence[tuple[str, str]],
    notes: list[str],
) -> Iterator[Json]:
    """Yield what one container needs, and note what it does not get because it has something there."""
    theirs = _occupied(path, container)
    mounts = []
    for volume in volumes:
        at = next((place for place in theirs if _covers(place, volume.path)), None)
        if at is None:
            read_only = {"readOnly": True} if volume.read_only else {}
            mounts.append({"name": volume.name, "mountPath": volume.path, **read_only})
        elif theirs[at] != volume.name:
            notes.append(f"Container {container.get('name')} has a volume of its own at {at}, so not ours.")
    yield from _append(f"{path}/volumeMounts", container.get("volumeMounts"), mounts)
    own = _list(container, "env", f"{_dotted(path)}.env")
    known = {variable.get("name") for variable in own}
    missing = [{"name": name, "value": value} for name, value in variables if name not in known]
    if own:
        yield from ({"op": "add", "path": f"{path}/env/0", "value": value} for value in reversed(missing))
    elif missing:
        yield {"op": "add", "path": f"{path}/env", "value": missing}


def _occupied(path: str, container: Json) -> dict[str, str]:
    """Return the paths at which the container has a volume or device, each with the volume's name."""
    where = _dotted(path)
    mounts = _list(container, "volumeMounts", f"{where}.volumeMounts")
    devices = _list(container, "volumeDevices", f"{where}.volumeDevices")
    places = {_normal(mount.get("mountPath")): str(mount.get("name")) for mount in mounts}
    return places | {_normal(device.get("devicePath")): "" for device in devices}


def _covers(place: str, path: str) -> bool:
    """Whether something mounted at ``place`` is at ``path`` or above it.

    Above counts too: our mount point would have to be made inside their volume, which fails where that is
    read-only and leaves a folder behind where it is not.
    """
    return path == place or path.startswith(place.rstrip("/") + "/")


def _normal(path: Any) -> str:
    return posixpath.normpath("/" + str(path).lstrip("/"))


def _append(path: str, existing: Any, values: list[Json]) -> Iterator[Json]:
    if values and not existing:
        yield {"op": "add", "path": path, "value": values}
    elif values:
        yield from ({"op": "add", "path": f"{path}/-", "value": value} for value in values)


def _annotation(pod: Json, notes: Sequence[str]) -> Iterator[Json]:
    if not notes:
        return
    text = " ".join(notes)
    annotations = _mapping(pod["metadata"], "annotations", "metadata.annotations")
    if not annotations:
        value = {names.ANNOTATION_LEFT_OUT: text}
        yield {"op": "add", "path": "/metadata/annotations", "value": value}
    elif annotations.get(names.ANNOTATION_LEFT_OUT) != text:
        key = names.ANNOTATION_LEFT_OUT.replace("/", "~1")
        yield {"op": "add", "path": f"/metadata/annotations/{key}", "value": text}


def _containers(spec: Json, section: str) -> Iterator[tuple[str, Json]]:
    for index, container in enumerate(_list(spec, section, f"spec.{section}")):
        yield f"/spec/{section}/{index}", container


def _dotted(path: str) -> str:
    return re.sub(r"\.(\d+)", r"[\1]", path.strip("/").replace("/", "."))


def _mapping(parent: Json, key: str, field: str) -> Json:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Malformed(field, "a mapping")
    return value


def _list(parent: Json, key: str, field: str) -> list[Json]:
    value = parent.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Malformed(field, "a list of mappings")
    return value
