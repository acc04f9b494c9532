"""Which kinds a cluster knows, and by which path each is reached.

Two requests ("aggregated discovery", Kubernetes 1.30 and newer) list every kind; they are asked again when
a kind is missing, since it may have been installed a moment ago.

ref: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from karvdash_hub.kube.errors import Invalid, NotFound
from karvdash_hub.waiting import all_of

ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

Fetch = Callable[[str], Coroutine[Any, Any, Mapping[str, Any]]]


class Resource(NamedTuple):
    """A kind as the API serves it.

    Attributes:
        api_version: "v1", "apps/v1".
        plural: the word in paths, "deployments".
    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def collection(self, namespace: str = "") -> str:
        """Return the path of all objects, in one namespace or (``namespace=""``) in all."""
        prefix = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        place = f"/namespaces/{_segment(namespace, 'namespace')}" if self.namespaced and namespace else ""
        return f"{prefix}{place}/{self.plural}"

    def home(self, namespace: str) -> str:
        """Return the path of the collection that an object of this kind and namespace belongs to.

        Raises: Invalid without a namespace: that would be the path of all namespaces.
        """
        if self.namespaced and not namespace:
            raise Invalid(f"{self.kind}: metadata.namespace is missing.")
        return self.collection(namespace)

    def item(self, namespace: str, name: str) -> str:
        """Return the path of one object.

        Raises: Invalid without a name: a DELETE would delete all objects of the kind.
        """
        if not name:
            raise Invalid(f"{self.kind}: metadata.name is missing.")
        return f"{self.home(namespace)}/{_segment(name, 'name')}"


class Discovery:
    """The kinds of one cluster, fetched at first use.

    Args:
        fetch: GET of a path with ``Accept`` as above, the parsed body comes back.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[tuple[str, str], Resource] = {}
        self._lock = asyncio.Lock()
        self._round = 0

    async def resource(self, api_version: str, kind: str) -> Resource:
        """Find a kind; one that is missing is looked for once more.

        Raises: NotFound if this cluster has no such kind; Unreachable.
        """
        seen = self._round
        if found := self._known.get((api_version, kind)):
            return found
        async with self._lock:
            if self._round == seen:  # else somebody else has asked while we waited
                await self._refresh()
        if found := self._known.get((api_version, kind)):
            return found
        raise NotFound(self._missing(api_version, kind), code=404)

    async def _refresh(self) -> None:
        core, groups = await all_of(self._fetch("/api"), self._fetch("/apis"))
        self._known = {(r.api_version, r.kind): r for body in (core, groups) for r in _resources(body)}
        self._round += 1

    def _missing(self, api_version: str, kind: str) -> str:
        others = sorted(version for version, other in self._known if other == kind)
        hint = f" It is served as {' and '.join(others)}." if others else ""
        return f"There is no kind {kind} in apiVersion {api_version} on this cluster.{hint}"


def _segment(value: str, field: str) -> str:
    """Refuse what would make a path mean something else: the API server decodes %2F before it looks.

    ref: https://github.com/kubernetes/apimachinery/blob/master/pkg/api/validation/path/name.go
    """
    if value in (".", "..") or "/" in value or "%" in value:
        raise Invalid(f"metadata.{field} cannot be {value!r}.")
    return quote(value, safe="")


def _resources(body: Mapping[str, Any]) -> Iterator[Resource]:
    for group in body.get("items") or []:
        name = (group.get("metadata") or {}).get("name", "")
        for version in group.get("versions") or []:
            api_version = f"{name}/{version['version']}" if name else version["version"]
            for item in version.get("resources") or []:
                # A resource of which only subresources are served has no kind of its own.
                if kind := (item.get("responseKind") or {}).get("kind"):
                    yield Resource(api_version, kind, item["resource"], item["scope"] == "Namespaced")
