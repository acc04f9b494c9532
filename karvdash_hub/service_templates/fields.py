"""What Kubernetes expects at a place of a manifest: text, a whole number, true or false.

``replicas: $N`` has to become ``replicas: 3`` and ``value: $N`` in a container's environment has to
become ``value: "3"``: the API server refuses the other form of both. Places that are not listed here
(custom resources above all) keep the type that the value has.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, Literal

from karvdash_hub.service_templates.tree import Path

Expected = Literal["text", "integer", "boolean", "any"]

#: Mappings whose values are text, in every kind.
_TEXT_MAPPINGS: Final = frozenset({"labels", "annotations", "matchLabels", "nodeSelector"})
#: Lists of text, in every kind.
_TEXT_LISTS: Final = frozenset({"args", "command"})
_TEXT_FIELDS: Final = frozenset(
    {
        "claimName",
        "cpu",
        "externalName",
        "host",
        "hostname",
        "image",
        "key",
        "memory",
        "mountPath",
        "name",
        "namespace",
        "path",
        "schedule",
        "secretName",
        "serviceAccountName",
        "serviceName",
        "storage",
        "storageClassName",
        "subPath",
        "subdomain",
        "value",
        "volumeName",
        "workingDir",
    }
)
_INTEGER_FIELDS: Final = frozenset(
    {
        "activeDeadlineSeconds",
        "backoffLimit",
        "completions",
        "containerPort",
        "defaultMode",
        "expirationSeconds",
        "failedJobsHistoryLimit",
        "failureThreshold",
        "fsGroup",
        "hostPort",
        "initialDelaySeconds",
        "maxReplicas",
        "maxSurge",
        "maxUnavailable",
        "minAvailable",
        "minReadySeconds",
        "minReplicas",
        "mode",
        "nodePort",
        "number",
        "parallelism",
        "periodSeconds",
        "port",
        "progressDeadlineSeconds",
        "replicas",
        "revisionHistoryLimit",
        "runAsGroup",
        "runAsUser",
        "servicePort",
        "startingDeadlineSeconds",
        "successThreshold",
        "successfulJobsHistoryLimit",
        "targetPort",
        "terminationGracePeriodSeconds",
        "timeoutSeconds",
        "tolerationSeconds",
        "ttlSecondsAfterFinished",
        "weight",
    }
)
_BOOLEAN_FIELDS: Final = frozenset(
    {
        "allowPrivilegeEscalation",
        "automountServiceAccountToken",
        "enableServiceLinks",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "immutable",
        "optional",
        "privileged",
        "publishNotReadyAddresses",
        "readOnly",
        "readOnlyRootFilesystem",
        "runAsNonRoot",
        "shareProcessNamespace",
        "stdin",
        "suspend",
        "tty",
    }
)
_CONTAINERS: Final = frozenset({"containers", "initContainers", "ephemeralContainers"})
_PROBES: Final = frozenset({"livenessProbe", "readinessProbe", "startupProbe"})


def expected(group: str, kind: str, path: Path) -> Expected:
    """Return what the API server takes at ``path`` of an object of this API group and kind."""
    last, parent = path[-1], path[-2] if len(path) > 1 else ""
    if parent in _TEXT_MAPPINGS or (parent in _TEXT_LISTS and isinstance(last, int)):
        return "text"
    if group == "" and _is_text_of_core(kind, path):
        return "text"
    if not _is_builtin(group) and not _in_container(path) and path[0] != "metadata":
        return "any"
    if last in _INTEGER_FIELDS:
        return "integer"
    if last in _BOOLEAN_FIELDS:
        return "boolean"
    return "text" if last in _TEXT_FIELDS or parent in ("values", "hosts") else "any"


def expands_dollars(path: Path) -> bool:
    """Tell whether the kubelet replaces ``$(NAME)`` and ``$$`` here.

    Source: pkg/kubelet/kubelet_pods.go and pkg/kubelet/container/helpers.go of Kubernetes 1.35: a
    container's env values, command and args, and the commands of probes.
    """
    if not _in_container(path):
        return False
    container = path[max(i for i, part in enumerate(path) if part in _CONTAINERS) + 2 :]
    match container:
        case ("env", int(), "value") | ("command" | "args", int()):
            return True
        case (str(probe), "exec", "command", int()):
            return probe in _PROBES
    return False


def _is_text_of_core(kind: str, path: Path) -> bool:
    if kind in ("ConfigMap", "Secret"):
        return len(path) == 2 and path[0] in ("data", "stringData", "binaryData")
    return kind in ("Service", "ReplicationController") and path[:2] == ("spec", "selector")


def _is_builtin(group: str) -> bool:
    return "." not in group or group.endswith(".k8s.io")


def _in_container(path: Path) -> bool:
    return any(part in _CONTAINERS and isinstance(after, int) for part, after in pairwise(path))
