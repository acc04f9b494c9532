"""``Kube``: every kind of object, read and written by plain REST with server-side apply.

``kubernetes_asyncio``'s dynamic client is not used: an apply that the API server refuses comes back from it
as an object of kind Status and raises nothing. Here every refusal is an exception (``errors``).

ref: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from karvdash_hub.kube import pods
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.discovery import ACCEPT, Discovery, Resource
from karvdash_hub.kube.errors import Gone
from karvdash_hub.kube.pods import ExecResult
from karvdash_hub.kube.transport import Call, Transport
from karvdash_hub.service_templates.tree import Manifest as Manifest  # for whoever imports Kube

Manifests = list[Manifest]

FIELD_MANAGER = "karvdash-hub"
_UNPRINTABLE = re.compile("[\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
#: Objects in one page of a list: parsing a page keeps the event loop for some 20 ms at most.
_PAGE = 100
#: How often a list is begun anew when it takes so long that the API server forgets it.
_RESTARTS = 3


def default_account(namespace: str) -> str:
    """Name the account that acts for the owner of a user namespace, as ``as_user`` takes it."""
    return f"system:serviceaccount:{namespace}:default"


def describe(manifest: Mapping[str, Any]) -> str:
    """Name an object for people: "Deployment web"."""
    return f"{manifest.get('kind', 'object')} {(manifest.get('metadata') or {}).get('name', '')}".strip()


class Kube:
    """A client of one API server.

    All methods take ``as_user`` (act for this user; None acts as the Hub itself) and raise ``KubeError``
    in the class that fits. With ``dry_run`` the API server does everything, admission included, and
    stores nothing.

    Args:
        timeout: seconds for one request with all its repeats; logs and commands have none.
    """

    def __init__(self, config: KubeConfig, *, timeout: float = 30.0) -> None:
        self._transport = Transport(config, timeout=timeout)
        self._discovery = Discovery(self._discover)
        self._me = ""

    async def __aenter__(self) -> Kube:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def resource(self, api_version: str, kind: str) -> Resource:
        """Find out how the cluster serves a kind.

        Raises: NotFound if it does not.
        """
        return await self._discovery.resource(api_version, kind)

    async def whoami(self) -> str:
        """Return our own user name, as the API server sees it."""
        if not self._me:
            answer = await self.create(
                {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
            )
            self._me = str(answer["status"]["userInfo"]["username"])
        return self._me

    async def get(
        self, api_version: str, kind: str, name: str, namespace: str = "", *, as_user: str | None = None
    ) -> Manifest:
        """Read one object."""
        path = (await self.resource(api_version, kind)).item(namespace, name)
        return await self._transport.request(Call("GET", path, as_user=as_user, what=f"{kind} {name}"))

    async def list(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        as_user: str | None = None,
    ) -> Manifests:
        """Read all objects of a kind, in one namespace or (``namespace=""``) in all.

        The objects carry no ``kind`` and ``apiVersion`` of their own, as the API server leaves them out.
        """
        path = (await self.resource(api_version, kind)).collection(namespace)
        selectors = [("labelSelector", label_selector), ("fieldSelector", field_selector)]
        params = [("limit", str(_PAGE)), *((key, value) for key, value in selectors if value)]
        for _ in range(_RESTARTS):
            try:
                return await self._all_pages(Call("GET", path, params, as_user=as_user, what=f"{kind} list"))
            except Gone as error:
                gone = error
        raise gone

    async def create(
        self, manifest: Manifest, *, as_user: str | None = None, dry_run: bool = False
    ) -> Manifest:
        """Create an object.

        Raises: AlreadyExists.
        """
        resource, namespace, _ = await self._of(manifest)
        params = [("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict"), *_dry(dry_run)]
        return await self._transport.request(
            Call(
                "POST",
                resource.home(namespace),
                params,
                _encode(manifest),
                as_user=as_user,
                what=describe(manifest),
                idempotent=False,
            )
        )

    async def apply(
        self, manifest: Manifest, *, as_user: str | None = None, dry_run: bool = False, force: bool = True
    ) -> Manifest:
        """Create an object or bring it to this form, by server-side apply.

        ``force`` takes fields over from other managers; without it their fields are a Conflict. Either way
        an object that exists is changed, whoever made it: where that matters, look first. A field that the
        kind does not have is an Invalid that names it.
        """
        resource, namespace, name = await self._of(manifest)
        params = [
            ("fieldManager", FIELD_MANAGER),
            ("fieldValidation", "Strict"),
            ("force", str(force).lower()),
        ]
        return await self._transport.request(
            Call(
                "PATCH",
                resource.item(namespace, name),
                [*params, *_dry(dry_run)],
                _encode(manifest),
                content_type="application/apply-patch+yaml",  # JSON is YAML
                as_user=as_user,
                what=describe(manifest),
            )
        )

    async def patch(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str,
        change: Mapping[str, Any],
        *,
        as_user: str | None = None,
        dry_run: bool = False,
        subresource: str = "",
    ) -> Manifest:
        """Change some fields of an object by JSON merge patch; None removes a field."""
        path = (await self.resource(api_version, kind)).item(namespace, name)
        params = [("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict"), *_dry(dry_run)]
        return await self._transport.request(
            Call(
                "PATCH",
                path + (f"/{subresource}" if subresource else ""),
                params,
                _encode(change),
                content_type="application/merge-patch+json",
                as_user=as_user,
                what=f"{kind} {name}",
            )
        )

    async def delete(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str = "",
        *,
        as_user: str | None = None,
        dry_run: bool = False,
        propagation: str = "Background",
        uid: str = "",
    ) -> None:
        """Delete an object; it may go on existing until its dependents and finalizers are done.

        Args:
            propagation: "Background", "Foreground" or "Orphan".
            uid: delete this one only, not a later one of the same name (else Conflict).
        """
        path = (await self.resource(api_version, kind)).item(namespace, name)
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        if dry_run:
            # Where there is a body, the API server does not look at the query.
            options["dryRun"] = ["All"]
        await self._transport.request(
            Call("DELETE", path, (), _encode(options), as_user=as_user, what=f"{kind} {name}")
        )

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str = "",
        *,
        follow: bool = False,
        tail: int | None = None,
        previous: bool = False,
        timestamps: bool = False,
        since: str = "",
        as_user: str | None = None,
    ) -> AsyncIterator[str]:
        """Yield the lines of a container's log; with ``follow`` until the container ends.

        Args:
            tail: at most this many of the last lines; None for all.
            previous: of the container's run before its last restart.
            since: RFC 3339; nothing older, but for the rest of that second.
        """
        return pods.logs(
            self._transport,
            namespace,
            pod,
            container,
            follow=follow,
            tail=tail,
            previous=previous,
            timestamps=timestamps,
            since=since,
            as_user=as_user,
        )

    async def exec(
        self,
        namespace: str,
        pod: str,
        command: Sequence[str],
        *,
        container: str = "",
        timeout: float | None = None,
        limit: int = 1024 * 1024,
        as_user: str | None = None,
    ) -> ExecResult:
        """Run a command in a container and wait for its end.

        Args:
            timeout: seconds; then Unreachable is raised. The command itself goes on.
            limit: bytes of output that are kept.
        """
        return await pods.execute(
            self._transport,
            namespace,
            pod,
            command,
            container=container,
            timeout=timeout,
            limit=limit,
            as_user=as_user,
        )

    async def call(self, call: Call) -> Manifest:
        """Send a request for which there is no method here."""
        return await self._transport.request(call)

    async def _all_pages(self, first: Call) -> Manifests:
        items: Manifests = []
        params = list(first.params)
        while True:
            page = await self._transport.request(
                Call("GET", first.path, params, as_user=first.as_user, what=first.what)
            )
            items += page.get("items") or []
            if not (token := page["metadata"].get("continue")):
                return items
            params = [*first.params, ("continue", token)]

    async def _discover(self, path: str) -> Mapping[str, Any]:
        return await self._transport.request(Call("GET", path, accept=ACCEPT))

    async def _of(self, manifest: Manifest) -> tuple[Resource, str, str]:
        """Find kind, namespace and name of a manifest."""
        resource = await self.resource(str(manifest.get("apiVersion", "")), str(manifest.get("kind", "")))
        metadata = manifest.get("metadata") or {}
        return resource, str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def _dry(dry_run: bool) -> Sequence[tuple[str, str]]:
    return [("dryRun", "All")] if dry_run else []


def _encode(body: Mapping[str, Any]) -> bytes:
    # The API server reads an apply as YAML. That knows no surrogate pairs, as json writes characters
    # beyond U+FFFF, and takes no unprintable characters.
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
