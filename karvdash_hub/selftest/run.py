"""Make two user namespaces, try everything in them, and delete them."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.namespaces import delete_namespace, ensure_namespace
from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.settings import UserNamespaces
from karvdash_hub.names import ANNOTATION_HUB, ANNOTATION_USER, LABEL_INJECTED
from karvdash_hub.selftest import network, probes
from karvdash_hub.selftest.report import Check, Report
from karvdash_hub.settings import Platform

log = logging.getLogger(__name__)

#: What the names of its namespaces have after the prefix. No user's namespace does: the user would have to
#: be called "selftest-…", whose slug ends with a hash.
NAME = "selftest-"
_USER = "self-test of karvdash-hub"


async def run(
    kube: Kube,
    platform: Platform,
    settings: UserNamespaces,
    *,
    owner_id: str,
    image: str,
    pod_security: bool = False,
    patience: float = 120.0,
    told: Callable[[str], object] = log.info,
) -> Report:
    """Try everything.

    Args:
        kube: with the Hub's own rights.
        owner_id: instance id of the Hub, as in all user namespaces.
        image: of busybox, for the pods.
        pod_security: as in all user namespaces.
        patience: seconds that each pod gets to start, image included, and to end.
        told: is told what is being tried.
    Raises: KarvdashError if nothing can be tried at all.
    """
    checks: list[Check] = []
    await _remove_leftovers(kube, platform, owner_id)
    told("making two namespaces")
    async with _namespaces(kube, platform, settings, owner_id, pod_security) as (mine, others):
        told("rights, policies and webhook")
        checks.append(await probes.check_rights(kube, mine))
        checks.append(await probes.check_policies(kube, mine, image))
        checks.append(await probes.check_webhook(kube, mine, image))
        told("network")
        checks += await network.check_network(kube, mine, others, image, patience)
        for namespace in (mine, others):
            await network.remove_pods(kube, namespace)
    checks.append(await network.check_wildcard(platform))
    return Report(tuple(checks), datetime.now(UTC).isoformat(timespec="seconds"))


@asynccontextmanager
async def _namespaces(
    kube: Kube, platform: Platform, settings: UserNamespaces, owner_id: str, pod_security: bool
) -> AsyncIterator[tuple[str, str]]:
    made = [f"{platform.namespace_prefix}{NAME}{secrets.token_hex(4)}-{letter}" for letter in "ab"]
    try:
        for namespace in made:
            await ensure_namespace(
                kube,
                namespace=namespace,
                username=_USER,
                slug=namespace.removeprefix(platform.namespace_prefix),
                owner_id=owner_id,
                user_role=platform.user_role,
                isolation=settings.isolation(platform.release_namespace),
                pod_security=pod_security,
            )
        yield made[0], made[1]
    finally:
        for namespace in made:
            await delete_namespace(kube, namespace=namespace, username=_USER, owner_id=owner_id)


async def _remove_leftovers(kube: Kube, platform: Platform, owner_id: str) -> None:
    """Delete what an interrupted self-test has left."""
    for live in await kube.list("v1", "Namespace", label_selector=f"{LABEL_INJECTED}=true"):
        metadata = live["metadata"]
        marks = metadata.get("annotations") or {}
        mine = marks.get(ANNOTATION_HUB) == owner_id and marks.get(ANNOTATION_USER) == _USER
        if not mine or not metadata["name"].startswith(platform.namespace_prefix + NAME):
            continue
        try:
            await delete_namespace(kube, namespace=metadata["name"], username=_USER, owner_id=owner_id)
        except KarvdashError as error:
            log.warning("%s is left of an earlier self-test: %s", metadata["name"], error)
