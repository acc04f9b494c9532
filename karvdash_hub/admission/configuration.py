"""The MutatingWebhookConfiguration: which pods Kubernetes asks about, and what it does without an answer.

ref: https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/mutating-webhook-configuration-v1/
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from karvdash_hub.errors import KarvdashError

Json = dict[str, Any]

NAME: Final = "karvdash-hub"
WEBHOOK: Final = "pods.admission.karvdash.io"
PATH: Final = "/mutate"
#: Seconds that the API server waits.
TIMEOUT: Final = 5
TARGET: Final = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{NAME}"
#: Where cert-manager's cainjector is told whose authority to write.
#: ref: https://cert-manager.io/docs/concepts/ca-injector/
INJECT_CA: Final = "cert-manager.io/inject-ca-from"
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")


def client_for_url(url: str) -> Json:
    """Say where the webhook is, for a server outside the cluster.

    Raises: KarvdashError.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise KarvdashError(f"{url} cannot be used: Kubernetes calls webhooks at https://HOST:PORT.", "url")
    return {"url": f"https://{parts.netloc}{parts.path.rstrip('/') or PATH}"}


def client_for_service(text: str) -> Json:
    """Say where the webhook is, for a Service ``namespace/name[:port]``.

    Raises: KarvdashError.
    """
    namespace, _, rest = text.partition("/")
    name, _, port = rest.partition(":")
    if not _LABEL.fullmatch(namespace) or not _LABEL.fullmatch(name) or (port and not port.isdecimal()):
        raise KarvdashError(f"{text} is not a Service, as in karvdash/karvdash-admission:443.", "service")
    service = {"namespace": namespace, "name": name, "path": PATH, "port": int(port or 443)}
    return {"service": service}


def hosts(client: Mapping[str, Any]) -> list[str]:
    """Return the names and addresses that the server's certificate has to be good for."""
    if service := client.get("service"):
        name = f"{service['name']}.{service['namespace']}.svc"
        return [name, f"{name}.cluster.local"]
    return [str(urlsplit(client["url"]).hostname)]


def manifest(
    client: Mapping[str, Any], *, prefix: str, release: str, bundle: bytes = b"", inject_from: str = ""
) -> Json:
    """Return the configuration.

    The namespace is matched by name, in the API server: a label could be taken off by whoever owns the
    namespace, and no selector matches a prefix. So kube-system and the release are never asked about, and
    never wait for this webhook.

    Args:
        prefix: of user namespaces.
        release: namespace that is left out even if its name begins with the prefix.
        bundle: authorities that the server's certificate may come from, PEM. Empty: cert-manager writes it.
        inject_from: ``namespace/certificate`` for cert-manager.

    Raises: KarvdashError.
    """
    if not _LABEL.fullmatch(prefix.rstrip("-")):
        raise KarvdashError(f"{json.dumps(prefix)} cannot be what namespaces begin with.", "prefix")
    condition = (
        f"request.namespace.startsWith({json.dumps(prefix)}) && request.namespace != {json.dumps(release)}"
    )
    ca = {"caBundle": base64.b64encode(bundle).decode()} if bundle else {}
    metadata: Json = {"name": NAME, "labels": {"app.kubernetes.io/part-of": "karvdash-hub"}}
    if inject_from:
        metadata["annotations"] = {INJECT_CA: inject_from}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": metadata,
        "webhooks": [
            {
                "name": WEBHOOK,
                "admissionReviewVersions": ["v1"],
                "clientConfig": {**client, **ca},
                "rules": [_rule("CREATE", "pods"), _rule("UPDATE", "pods/ephemeralcontainers")],
                "matchConditions": [{"name": "user-namespace", "expression": condition}],
                # A pod without its folders would write into its own disk what it believes to be safe.
                "failurePolicy": "Fail",
                # Events about datasets, and none in a dry run.
                "sideEffects": "NoneOnDryRun",
                # Other webhooks may add containers after us.
                "reinvocationPolicy": "IfNeeded",
                "timeoutSeconds": TIMEOUT,
            }
        ],
    }


def _rule(operation: str, resource: str) -> Json:
    return {
        "operations": [operation],
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": [resource],
        "scope": "Namespaced",
    }
