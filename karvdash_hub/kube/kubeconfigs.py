"""Kubeconfig files for a user's own computer, each with a token that can be taken back.

The token is one of account ``default`` in the user's namespace, so it may do what the user may. Kubernetes
binds it to a Secret without content: when that is deleted, the token is refused. All requests are made in the
user's name, so that Kubernetes decides and a policy limits how long tokens last.

ref: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from karvdash_hub.durations import spell_moment
from karvdash_hub.errors import NotFound
from karvdash_hub.kube.config import ConfigError, KubeConfig
from karvdash_hub.kube.rest import Kube, default_account
from karvdash_hub.kube.settings import Kubectl
from karvdash_hub.kube.transport import Call
from karvdash_hub.names import LABEL_MANAGED_BY, MANAGED_BY

LABEL = "karvdash.io/kubeconfig"
ANNOTATION_EXPIRES = "karvdash.io/expires"
_PREFIX = "karvdash-kubeconfig-"
#: Name of cluster and context in the files.
_CONTEXT = "karvdash"


@dataclass(frozen=True)
class Handout:
    """A kubeconfig file that was handed out and has not ended.

    Attributes:
        id: tells it from the others of the same user.
        made, expires: ISO 8601, UTC.
    """

    id: str
    made: str
    expires: str


@dataclass(frozen=True)
class Server:
    """The API server as people's computers reach it; ``ca`` is PEM, "" for the authorities they know."""

    url: str
    ca: str


def server_for_people(kubectl: Kubectl, own: KubeConfig) -> Server:
    """Say where people's programs find the API server. Raises: ConfigError."""
    try:
        if kubectl.certificate_authority:
            ca = Path(kubectl.certificate_authority).read_text(encoding="utf-8")
        elif kubectl.server:
            ca = ""
        else:
            ca = own.ca_data or (Path(own.ca_file).read_text(encoding="utf-8") if own.ca_file else "")
    except (OSError, ValueError) as error:
        raise ConfigError(f"The certificate authority of the API server cannot be read: {error}") from None
    return Server(kubectl.server.rstrip("/") or own.server, ca)


def token_file(server: Server, namespace: str, token: str) -> str:
    """Write a kubeconfig file with a token, as YAML."""
    return _file(server, namespace, {"token": token})


def sign_in_file(server: Server, namespace: str, issuer: str, client_id: str) -> str:
    """Write a kubeconfig file without a secret: kubectl signs the person in with a browser.

    It needs the plugin kubelogin, ref: https://github.com/int128/kubelogin
    """
    arguments = [
        "oidc-login",
        "get-token",
        f"--oidc-issuer-url={issuer}",
        f"--oidc-client-id={client_id}",
        "--oidc-pkce-method=S256",
    ]
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "kubectl",
        "args": arguments,
        "interactiveMode": "Never",
    }
    return _file(server, namespace, {"exec": plugin})


def _file(server: Server, namespace: str, user: Mapping[str, Any]) -> str:
    cluster = {"server": server.url}
    if server.ca:
        cluster["certificate-authority-data"] = base64.b64encode(server.ca.encode()).decode()
    context = {"cluster": _CONTEXT, "namespace": namespace, "user": namespace}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": _CONTEXT, "cluster": cluster}],
            "users": [{"name": namespace, "user": dict(user)}],
            "contexts": [{"name": _CONTEXT, "context": context}],
            "current-context": _CONTEXT,
        },
        sort_keys=False,
    )


async def hand_out(kube: Kube, namespace: str, seconds: int) -> str:
    """Make a token for so long, and forget those that have ended; return it. Raises: KubeError."""
    account = default_account(namespace)
    await _forget_ended(kube, namespace)
    marker = await kube.create(_marker(namespace, seconds), as_user=account)
    spec = {
        "expirationSeconds": seconds,
        "boundObjectRef": {
            "apiVersion": "v1",
            "kind": "Secret",
            "name": marker["metadata"]["name"],
            "uid": marker["metadata"]["uid"],
        },
    }
    try:
        answer = await kube.call(_token_request(namespace, spec))
    except BaseException:
        await kube.delete("v1", "Secret", marker["metadata"]["name"], namespace, as_user=account)
        raise
    return str(answer["status"]["token"])


async def handed_out(kube: Kube, namespace: str) -> list[Handout]:
    """Return the files of a user that have not ended, the newest first. Raises: KubeError."""
    now = spell_moment(time.time())
    found = [one for one in await _all(kube, namespace) if one.expires > now]
    return sorted(found, key=lambda one: one.made, reverse=True)


async def take_back(kube: Kube, namespace: str, handout: str) -> None:
    """Make a file worthless. Raises: NotFound if there is none with this id, KubeError."""
    if handout not in [one.id for one in await _all(kube, namespace)]:
        raise NotFound("There is no such kubeconfig file.")
    await _delete(kube, namespace, handout)


async def _all(kube: Kube, namespace: str) -> list[Handout]:
    found = await kube.list(
        "v1", "Secret", namespace, label_selector=f"{LABEL}=true", as_user=default_account(namespace)
    )
    return [
        Handout(
            meta["name"].removeprefix(_PREFIX),
            meta["creationTimestamp"],
            (meta.get("annotations") or {}).get(ANNOTATION_EXPIRES, ""),
        )
        for meta in (one["metadata"] for one in found)
        if meta["name"].startswith(_PREFIX)
    ]


async def _forget_ended(kube: Kube, namespace: str) -> None:
    now = spell_moment(time.time())
    for one in await _all(kube, namespace):
        if one.expires <= now:
            await _delete(kube, namespace, one.id)


async def _delete(kube: Kube, namespace: str, handout: str) -> None:
    name = f"{_PREFIX}{handout}"
    await kube.delete("v1", "Secret", name, namespace, as_user=default_account(namespace))


def _marker(namespace: str, seconds: int) -> dict[str, Any]:
    expires = spell_moment(time.time() + seconds)
    metadata = {
        "name": f"{_PREFIX}{secrets.token_hex(4)}",
        "namespace": namespace,
        "labels": {LABEL: "true", LABEL_MANAGED_BY: MANAGED_BY},
        "annotations": {ANNOTATION_EXPIRES: expires},
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"}


def _token_request(namespace: str, spec: Mapping[str, Any]) -> Call:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return Call(
        "POST",
        f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token",
        (),
        json.dumps(body).encode(),
        as_user=default_account(namespace),
        what="token of ServiceAccount default",
        idempotent=False,
    )
