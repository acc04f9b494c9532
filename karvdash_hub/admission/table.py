"""What is known of user namespaces, put together from single objects. Pure: the watches feed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from karvdash_hub import names
from karvdash_hub.admission.patch import DOMAINS, Dataset, Domain, Facts, environment
from karvdash_hub.errors import KarvdashError, Unavailable

Json = dict[str, Any]
Key = tuple[str, str]
Kind = Literal["namespace", "claim", "dataset", "dataset-old"]

#: Datasets with this label are for programs, and Karvdash never showed or mounted them.
_HIDDEN = "karvdash-hidden"


class Namespace(NamedTuple):
    """A user's namespace, by its annotations."""

    username: str
    domains: tuple[Domain, ...]


class Claim(NamedTuple):
    """A PersistentVolumeClaim. ``injected``: the platform made it."""

    injected: bool
    bound: bool
    deleting: bool
    read_only: bool
    phase: str


class Source(NamedTuple):
    """A Datashim Dataset, as far as it matters here. ``trouble`` is what Datashim says is wrong."""

    name: str
    uid: str
    api_version: str
    trouble: str


class Unknown(Unavailable):
    """The namespace has not been seen yet, which may change in a moment."""


class Unseen(Unavailable):
    """Nothing of the cluster has been seen yet: the server has just started, or cannot."""


class Ownerless(KarvdashError):
    """The namespace has the platform's prefix and no user."""


class Table:
    """All user namespaces with their claims and datasets.

    Args:
        settings: keywords of ``patch.environment`` that are the same for everybody.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = dict(settings)
        self._namespaces: dict[str, Namespace] = {}
        self._claims: dict[str, dict[str, Claim]] = {}
        self._datasets: dict[str, dict[tuple[str, str], Source]] = {}
        self._facts: dict[str, Facts] = {}

    def __len__(self) -> int:
        return len(self._namespaces)

    def change(self, kind: Kind, key: Key, new: Any) -> str:
        """Take in one object, None for one that is gone; return the namespace that it concerns."""
        if kind == "namespace":
            namespace = key[1]
            _put(self._namespaces, namespace, new)
        else:
            namespace = key[0]
            if kind == "claim":
                _put(self._claims.setdefault(namespace, {}), key[1], new)
            else:
                _put(self._datasets.setdefault(namespace, {}), (key[1], kind), new)
        self._facts.pop(namespace, None)
        return namespace

    def facts(self, namespace: str) -> Facts:
        """Return what a pod of this namespace gets.

        Raises: Unknown, Ownerless.
        """
        if (facts := self._facts.get(namespace)) is None:
            facts = self._facts[namespace] = self._gather(namespace)
        return facts

    def source(self, namespace: str, dataset: str) -> Source | None:
        """Find the object behind a dataset."""
        found = self._datasets.get(namespace, {})
        return found.get((dataset, "dataset")) or found.get((dataset, "dataset-old"))

    def _gather(self, namespace: str) -> Facts:
        known = self._namespaces.get(namespace)
        if known is None:
            raise Unknown(f"Namespace {namespace} is not known to the admission server yet. Try again.")
        if not known.username:
            raise Ownerless(
                f"Namespace {namespace} has the platform's prefix and belongs to no user: it has no "
                f"annotation {names.ANNOTATION_USER}. Pods in it would be nobody's, so none can be made.",
                "ownerless",
                403,
            )
        claims = self._claims.get(namespace, {})
        made = {domain: claims.get(names.claim_name(namespace, domain)) for domain in DOMAINS}
        domains = tuple(
            domain for domain, own in made.items() if domain in known.domains or (own and own.injected)
        )
        facts = Facts(namespace, domains, self._gather_datasets(namespace, claims))
        return facts._replace(environment=environment(facts, known.username, **self._settings))

    def _gather_datasets(self, namespace: str, claims: Mapping[str, Claim]) -> tuple[Dataset, ...]:
        sources = {source.name: source for source in self._datasets.get(namespace, {}).values()}
        return tuple(_dataset(sources[name], claims.get(name)) for name in sorted(sources))


def _dataset(source: Source, own: Claim | None) -> Dataset:
    said = f" (Datashim: {source.trouble})" if source.trouble else ""
    if own is None:
        return Dataset(source.name, f"Datashim has not made its claim yet{said}")
    if own.deleting:
        return Dataset(source.name, "its claim is being deleted")
    if not own.bound:
        return Dataset(source.name, f"its claim is {own.phase or 'not bound'}{said}")
    return Dataset(source.name, read_only=own.read_only)


def _put(items: dict[Any, Any], key: Any, new: Any) -> None:
    if new is None:
        items.pop(key, None)
    else:
        items[key] = new


def project_namespace(prefix: str) -> Callable[[Json], Namespace | None]:
    """Return a projection of Namespaces that leaves out those without the prefix."""

    def project(item: Json) -> Namespace | None:
        metadata = item["metadata"]
        if not metadata["name"].startswith(prefix):
            return None
        marks = metadata.get("annotations") or {}
        wanted = marks.get(names.ANNOTATION_VOLUMES, "").split()
        return Namespace(
            marks.get(names.ANNOTATION_USER, ""), tuple(domain for domain in DOMAINS if domain in wanted)
        )

    return project


def project_claim(prefix: str) -> Callable[[Json], Claim | None]:
    """Return a projection of PersistentVolumeClaims that leaves out other namespaces' ones."""

    def project(item: Json) -> Claim | None:
        metadata = item["metadata"]
        if not metadata["namespace"].startswith(prefix):
            return None
        phase = (item.get("status") or {}).get("phase", "")
        modes = (item.get("spec") or {}).get("accessModes") or ()
        return Claim(
            injected=(metadata.get("labels") or {}).get(names.LABEL_INJECTED) == "true",
            bound=phase == "Bound",
            deleting="deletionTimestamp" in metadata,
            read_only=bool(modes) and all(mode == "ReadOnlyMany" for mode in modes),
            phase=phase,
        )

    return project


def project_dataset(prefix: str, api_version: str) -> Callable[[Json], Source | None]:
    """Return a projection of Datashim's Datasets that leaves out hidden ones and other namespaces' ones."""

    def project(item: Json) -> Source | None:
        metadata = item["metadata"]
        hidden = (metadata.get("labels") or {}).get(_HIDDEN) == "true"
        if hidden or not metadata["namespace"].startswith(prefix):
            return None
        status = item.get("status") or {}
        provision = status.get("provision") or {}
        # Older versions of Datashim say it in "error".
        trouble = status.get("error") or (provision.get("status") != "OK" and provision.get("info")) or ""
        return Source(metadata["name"], metadata["uid"], api_version, str(trouble)[:200])

    return project
