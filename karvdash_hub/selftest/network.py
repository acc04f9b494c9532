"""What pods can reach: two servers and a client, in the namespaces of two users."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Mapping
from typing import Any

from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.rest import Kube, default_account
from karvdash_hub.selftest.probes import pod
from karvdash_hub.selftest.report import Check
from karvdash_hub.settings import Platform

_LOOK = 0.3
_PORT = 8080
SERVER = "echo self-test > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"
#: nc and not wget: busybox linked statically crashes in wget, with glibc.
#: A network plugin may take seconds to learn of new pods, so what is refused at first may be allowed later
#: and the other way round. The own pod comes first: after it the network works.
_CLIENT = r"""
get() { printf 'GET / HTTP/1.0\r\n\r\n' | timeout 3 nc -w 2 "$1" 8080 | grep -q self-test; }
own=no; for i in 1 2 3 4 5 6 7 8 9 10; do if get "$OWN"; then own=yes; break; fi; sleep 1; done
other=no; for i in 1 2 3; do if get "$OTHER"; then other=yes; else other=no; break; fi; sleep 2; done
echo "$own $other" > /dev/termination-log
"""
_POLICY_CURE = (
    "Install a network plugin that enforces NetworkPolicies (Calico, Cilium, kube-router, …). Until then "
    "users' pods can connect to each other, so give this platform only to people who trust each other."
)


async def check_network(kube: Kube, mine: str, others: str, image: str, patience: float) -> list[Check]:
    """Try to connect from a pod of one user to a pod of another; and from here to one.

    Args:
        patience: seconds that a pod gets to start, image included, and to end.
    """
    tried = "A pod of one user connects to a pod of another user, which a NetworkPolicy forbids."
    reach = "The Hub connects to a user's pod."
    try:
        own, other = await asyncio.gather(
            _serve(kube, mine, image, patience), _serve(kube, others, image, patience)
        )
        seen_own, seen_other = (
            await look_from_inside(kube, mine, image, patience, own, other, as_user=default_account(mine))
        ).split()
    except (KarvdashError, ValueError) as error:
        cure = "See whether pods start in this cluster, and whether nodes can pull the image (--image)."
        return [Check("network", tried, "unknown", f"The pods for it did not work: {error}", cure)]
    return [judge(tried, seen_own, seen_other), await _reached(reach, own)]


def judge(tried: str, own: str, other: str) -> Check:
    """Say what it means that the own and the other pod could be reached: "yes" or "no"."""
    if other == "yes":
        found = "It can: this cluster does not enforce NetworkPolicies."
        return Check("network", tried, "failed", found, _POLICY_CURE)
    if own != "yes":
        cure = "See why pods of one namespace cannot connect to each other in this cluster."
        return Check("network", tried, "unknown", "Not even a pod of the same user can be reached.", cure)
    return Check("network", tried, "ok", "It cannot; a pod of the same user can be reached.")


async def _reached(tried: str, address: str) -> Check:
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(address, _PORT)
        writer.close()
    except OSError as error:
        return Check(
            "reach",
            tried,
            "failed",
            f"It cannot ({error or 'no answer within 5 s'}).",
            "Add the addresses of Hub, gate and front to UserNamespaces.platform_peers, and see that they "
            "have a route to pods. Run this where the Hub runs.",
        )
    return Check("reach", tried, "ok", "It can.")


async def _serve(kube: Kube, namespace: str, image: str, patience: float) -> str:
    """Start a server; return its address when it runs."""
    manifest = pod(namespace, "server", image, container={"command": ["sh", "-c", SERVER]})
    await kube.create(manifest, as_user=default_account(namespace))
    status = await _wait(
        kube, namespace, "server", patience, "Running", "Failed", as_user=default_account(namespace)
    )
    if status["phase"] != "Running":
        raise KarvdashError(f"pod server in {namespace} ended.", "selftest")
    return str(status["podIP"])


async def look_from_inside(
    kube: Kube,
    namespace: str,
    image: str,
    patience: float,
    own: str,
    other: str,
    *,
    as_user: str | None,
) -> str:
    """Return what a client in a namespace has seen of two addresses: ``yes no`` for own and other."""
    environment = [{"name": "OWN", "value": own}, {"name": "OTHER", "value": other}]
    container = {"command": ["sh", "-c", _CLIENT], "env": environment}
    manifest = pod(namespace, "client", image, container=container)
    await kube.create(manifest, as_user=as_user)
    status = await _wait(kube, namespace, "client", patience, "Succeeded", "Failed", as_user=as_user)
    ended = status["containerStatuses"][0]["state"].get("terminated") or {}
    return str(ended.get("message", ""))


async def _wait(
    kube: Kube, namespace: str, name: str, patience: float, *phases: str, as_user: str | None
) -> dict[str, Any]:
    deadline = time.monotonic() + patience
    while True:
        live = await kube.get("v1", "Pod", name, namespace, as_user=as_user)
        status = dict(live.get("status") or {})
        if status.get("phase") in phases:
            return status
        if time.monotonic() > deadline:
            raise KarvdashError(
                f"pod {name} in {namespace} is {status.get('phase')} after {patience:.0f} s{_why(status)}.",
                "selftest",
            )
        await asyncio.sleep(_LOOK)


def _why(status: Mapping[str, Any]) -> str:
    """Say what a pod waits for, as far as it says so."""
    waiting = [(one.get("state") or {}).get("waiting") or {} for one in status.get("containerStatuses") or ()]
    conditions = [one for one in status.get("conditions") or () if one.get("status") == "False"]
    reasons = [one.get("message") or one.get("reason") for one in [*waiting, *conditions]]
    return "".join(f": {reason}" for reason in reasons[:1] if reason)


async def remove_pods(kube: Kube, namespace: str) -> None:
    """Delete the pods at once, so that the namespace goes at once."""
    for name in ("server", "client"):
        try:
            await kube.delete("v1", "Pod", name, namespace, as_user=default_account(namespace))
        except NotFound:
            continue


async def check_wildcard(platform: Platform) -> Check:
    """Resolve a name that nobody has configured by itself."""
    domain = platform.hostname_domain
    host = f"selftest-{secrets.token_hex(4)}.{domain}"
    tried = f"{host} is resolved."
    if host.endswith(".localhost"):
        # Browsers do that by themselves. ref: RFC 6761, section 6.3
        return Check(
            "wildcard", tried, "ok", "Browsers take every name below localhost for their own machine."
        )
    try:
        service, hub = await _addresses(host), await _addresses(domain)
    except OSError as error:
        cure = f"Add DNS records for {domain} and *.{domain} that lead to the front."
        return Check("wildcard", tried, "failed", f"It is not: {error}.", cure)
    if service != hub:
        found = f"It leads to {', '.join(service)}, and {domain} to {', '.join(hub)}."
        cure = f"Let *.{domain} lead where {domain} leads, unless that is intended."
        return Check("wildcard", tried, "unknown", found, cure)
    return Check("wildcard", tried, "ok", f"It leads to {', '.join(service)}, as {domain} does.")


async def _addresses(name: str) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return sorted({str(entry[4][0]) for entry in found})
