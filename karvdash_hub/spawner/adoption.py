"""What an administrator may adopt or delete: namespaces and services that the databases do not know.

    our database was lost or replaced      namespaces and anchors carry the mark of another Hub
    JupyterHub's database was lost         anchors carry our mark, and JupyterHub has no such server

Adopting a service puts our mark on its anchor, writes the rows that a launch would have written, and lets
JupyterHub "start" a server that runs already. Its pods go on. What the user had chosen is in the anchor, and
the template is filled in again with it, so nothing that stands in the cluster is believed but names.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from karvdash_hub import names
from karvdash_hub.errors import Conflict, KarvdashError, NotFound
from karvdash_hub.kube.namespaces import take_over_namespace
from karvdash_hub.readiness.model import Anchor
from karvdash_hub.spawner import options as launch_options
from karvdash_hub.spawner.options import LaunchOptions
from karvdash_hub.spawner.plan import ANCHOR_OPTIONS, LaunchPlan, make_plan
from karvdash_hub.spawner.registry import Key

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: Finds a user of JupyterHub by name, or makes one.
FindUser = Callable[[str], Any]


class Orphan(NamedTuple):
    """A namespace, or (``service`` not empty) a service in one, that this Hub does not look after.

    Attributes:
        hub: instance id of the Hub that made it.
        why: a sentence for an administrator.
    """

    namespace: str
    user: str
    service: str
    template: str
    hub: str
    why: str


class Adoption:
    """Lists, adopts and deletes orphans."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash
        self._plans: dict[Key, LaunchPlan] = {}

    def orphans(self) -> list[Orphan]:
        """Return all orphans, each namespace before its services."""
        karvdash = self._karvdash
        mine, prefix = karvdash.store.instance_id, karvdash.platform.namespace_prefix
        found = [
            Orphan(
                name, one.user, "", "", one.hub, "Made by another Hub, or by this one with another database."
            )
            for name, one in karvdash.repair.objects.namespaces().items()
            if one.hub and one.hub != mine and name.startswith(prefix) and not one.deleting
        ]
        strays = {anchor.uid for anchor in karvdash.reconciler.strays()}
        for anchor in karvdash.informers.anchors():
            if anchor.deleting or not anchor.namespace.startswith(prefix):
                continue
            if anchor.hub != mine:
                why = "Launched by another Hub, or by this one with another database."
            elif anchor.uid in strays:
                why = "Launched by this Hub, whose databases do not know it (any more)."
            else:
                continue
            found.append(
                Orphan(anchor.namespace, anchor.user, anchor.server, anchor.template, anchor.hub, why)
            )
        return sorted(found)

    def find(self, namespace: str, service: str) -> list[Orphan]:
        """Return one orphan, or with service "" all of a namespace. Raises: NotFound."""
        found = [one for one in self.orphans() if one.namespace == namespace and service in ("", one.service)]
        if not found:
            what = f"service {service} in namespace {namespace}" if service else f"namespace {namespace}"
            raise NotFound(
                f"There is nothing to adopt or delete: {what} is unknown, or looked after.", "orphan"
            )
        return found

    async def adopt(self, handler: Any, find_user: FindUser, orphan: Orphan) -> None:
        """Look after an orphan from now on. A service's namespace is adopted with it.

        Args:
            handler: of the request, as JupyterHub wants one to start a server.
        Raises: KarvdashError.
        """
        karvdash = self._karvdash
        claim = karvdash.claim_user(orphan.user)
        if claim.namespace != orphan.namespace:
            raise Conflict(
                f"Namespace {orphan.namespace} says that it belongs to {orphan.user!r}, whose namespace is "
                f"{claim.namespace}. It cannot be adopted.",
                "orphan",
            )
        user = find_user(orphan.user)
        await take_over_namespace(
            karvdash.kube,
            namespace=claim.namespace,
            username=claim.username,
            slug=claim.slug,
            owner_id=karvdash.store.instance_id,
        )
        await karvdash.ensure_namespace(orphan.user, fresh=0)
        if orphan.service:
            await self._adopt_service(handler, user, self._anchor(orphan))
        log.warning("Adopted %s of %r", orphan.service or f"namespace {orphan.namespace}", orphan.user)

    async def delete(self, orphan: Orphan) -> None:
        """Delete an orphan: a service with what it owns, or a whole namespace with all data in it.

        Raises: KubeError.
        """
        kube = self._karvdash.kube
        if orphan.service:
            anchor = self._anchor(orphan)
            await kube.delete("v1", "ConfigMap", anchor.name, anchor.namespace, uid=anchor.uid)
        else:
            live = await kube.get("v1", "Namespace", orphan.namespace)
            marks = live["metadata"].get("annotations") or {}
            if marks.get(names.ANNOTATION_HUB) != orphan.hub:
                raise Conflict(f"Namespace {orphan.namespace} has changed meanwhile. Look again.", "orphan")
            await kube.delete("v1", "Namespace", orphan.namespace, uid=live["metadata"]["uid"])
        log.warning("Deleted %s of %r", orphan.service or f"namespace {orphan.namespace}", orphan.user)

    def adopting(self, key: Key) -> LaunchPlan | None:
        """Return the plan of a server that JupyterHub starts only because it is adopted, else None."""
        return self._plans.pop(key, None)

    def _anchor(self, orphan: Orphan) -> Anchor:
        anchor = self._karvdash.informers.snapshot(orphan.namespace, orphan.service).anchor
        if anchor is None:
            raise NotFound(f"Service {orphan.service} in namespace {orphan.namespace} is gone.", "orphan")
        return anchor

    async def _adopt_service(self, handler: Any, user: Any, anchor: Anchor) -> None:
        karvdash, key = self._karvdash, Key(user.name, anchor.server)
        karvdash.launches.check_not_being_deleted(key)
        names.check_server_name(anchor.server)
        options = await self._options(anchor)
        passwords = await karvdash.passwords.values(key, options)
        plan = make_plan(karvdash, key, anchor.launch, options, passwords)
        for host in plan.hosts:
            karvdash.store.claim_host(names.Hostname(host), *key, "service")
        # With the uid: an anchor that took this one's place meanwhile is not changed.
        plan.anchor["metadata"]["uid"] = anchor.uid
        await karvdash.kube.apply(plan.anchor)
        karvdash.launches.adopt(key, plan.template, anchor.namespace, anchor.launch)
        spawner = karvdash.spawner(key)
        if spawner is not None and spawner.active:
            return  # JupyterHub has never forgotten it
        self._plans[key] = plan
        try:
            await karvdash.services.start_adopted(handler, user, anchor.server, options)
        finally:
            self._plans.pop(key, None)

    async def _options(self, anchor: Anchor) -> LaunchOptions:
        """Read what the user had chosen. It is checked like anything that a user sends."""
        live = await self._karvdash.kube.get("v1", "ConfigMap", anchor.name, anchor.namespace)
        try:
            stored = json.loads((live.get("data") or {}).get(ANCHOR_OPTIONS, "{}"))
        except ValueError:
            stored = None
        if not isinstance(stored, dict):
            raise KarvdashError(f"ConfigMap {anchor.name} does not hold what the user had chosen.", "orphan")
        return launch_options.parse({**stored, "template": anchor.template})
