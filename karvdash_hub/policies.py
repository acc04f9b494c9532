"""The admission policies of ``share/policies/`` as this installation needs them.

The files hold the rules, in CEL, and are the same everywhere. They name what differs between installations as
parameters, ``params.data.NAME``; here the values from the settings are written in their place, so that in the
cluster nothing is needed beside the policies. Pure: ``karvdash-hub policies apply`` does the rest.

ref: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import yaml
from traitlets import Integer, List, TraitError, Unicode, validate
from traitlets.config import LoggingConfigurable

from karvdash_hub.data.settings import DataDomains
from karvdash_hub.names import INGRESS_CLASS
from karvdash_hub.settings import Platform
from karvdash_hub.share import share_dir

Manifest = dict[str, Any]

#: Everything of ours in a cluster carries it.
LABEL_PART_OF = "app.kubernetes.io/part-of"
PART_OF = "karvdash-hub"
#: Policies and bindings are called karvdash-<name of their file>.
PREFIX = "karvdash-"
_PARAMETERS_FILE = "parameters.yaml"
_HUB_ACCOUNT = "karvdash-hub"
_PARAMETER = re.compile(r"params\.data\.(\w+)")
#: Namespaces of Kubernetes itself, where no policy need be looked at.
_SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")


def names() -> list[str]:
    """Return the names of all policies, ``pods`` for instance."""
    return sorted(path.stem for path in share_dir("policies").glob("*.yaml") if path.name != _PARAMETERS_FILE)


class Policies(LoggingConfigurable):
    """What users may do in their namespaces beyond what the policies allow by default."""

    disabled = List(
        Unicode(),
        help="""
        Names of policies that are left out, for example ``["routes"]``.

        docs/reference/policies.md lists them. What such a policy refuses is then decided by Kubernetes alone.
        ``karvdash-hub policies apply`` removes it from the cluster.
        """,
    ).tag(config=True)

    administrators = List(
        Unicode(),
        ["system:masters", "kubeadm:cluster-admins"],
        help="""
        Groups whose requests in users' namespaces no policy looks at.

        For repairs. Nobody should be in one of them for everyday work. The groups of an operator do not
        belong here: it would make pods for users that no policy has seen.
        """,
    ).tag(config=True)

    controllers = List(
        Unicode(),
        [
            "system:serviceaccounts:kube-system",
            "system:nodes",
            "system:kube-controller-manager",
            "system:kube-scheduler",
        ],
        help="""
        Users and groups that are Kubernetes itself: controllers, nodes, scheduler.

        They collect garbage, bind claims and write what they see, in users' namespaces too. The pods and
        claims that they create are held against the policies nevertheless. A managed cluster may have other
        names for them; without them its namespaces could not be deleted.
        """,
    ).tag(config=True)

    trusted = List(
        Unicode(),
        help="""
        Users and groups of operators that may write Services, claims and routes in users' namespaces as they
        need, for example ``["system:serviceaccount:dlf:dataset-operator"]``.

        Pods that they make are held against the policies. Whoever can make such an operator act can do what
        it does.
        """,
    ).tag(config=True)

    priority_classes = List(
        Unicode(),
        help="""
        Priority classes with a value above 0 that users' pods may have.

        Empty means none, so that no user's pod displaces another's. If the cluster has a default class whose
        value is above 0, it has to be listed: every pod gets it.
        """,
    ).tag(config=True)

    runtime_classes = List(
        Unicode(),
        help="""
        Runtime classes that users' pods may choose, for example ``["nvidia"]``.

        Empty means none. Some run pods with less isolation than others.
        """,
    ).tag(config=True)

    protected_taints = List(
        Unicode(),
        help="""
        Keys of taints that users' pods may not tolerate, beside those of the control plane
        (``node-role.kubernetes.io/…``).

        For nodes that are set aside for something else. Taints of GPU nodes should not be listed.
        """,
    ).tag(config=True)

    read_only_host_paths = List(
        Unicode(),
        help="""
        Folders among ``DataDomains.allowed_host_path_dirs`` that pods may mount for reading only.

        Folders in the tree of users' files are treated so in any case.
        """,
    ).tag(config=True)

    token_seconds = Integer(
        86400,
        min=600,
        help="""
        Time (in seconds) for which a user may make a token of an account in the own namespace.

        It limits ``kubectl create token`` and tokens that pods mount. The tokens in every pod, which
        Kubernetes renews, are not affected.
        """,
    ).tag(config=True)

    @validate("disabled")
    def _check_disabled(self, proposal: Any) -> list[str]:
        if unknown := sorted(set(proposal.value) - set(names())):
            raise TraitError(
                f"Policies.disabled: there is no policy {', '.join(unknown)}. There are: {', '.join(names())}"
            )
        return list(proposal.value)

    @validate(
        "administrators", "controllers", "trusted", "priority_classes", "runtime_classes", "protected_taints"
    )
    def _check_list(self, proposal: Any) -> list[str]:
        for entry in proposal.value:
            if not entry or entry != entry.strip() or "\n" in entry:
                raise TraitError(f"Policies.{proposal.trait.name} has {entry!r}, which is no name")
        return list(proposal.value)


@dataclass(frozen=True)
class Elsewhere:
    """Where the Hub may write outside of users' namespaces.

    See the settings ``Argo.namespace`` and ``OIDCProvider.secret_namespaces``.
    """

    argo_namespace: str = ""
    secret_namespaces: Sequence[str] = ()


_NOWHERE = Elsewhere()


def manifests(
    platform: Platform, data: DataDomains, policies: Policies, elsewhere: Elsewhere = _NOWHERE
) -> list[Manifest]:
    """Return policies and bindings, in the order in which they have to be applied."""
    values = parameters(platform, data, policies, elsewhere)
    chosen = [name for name in names() if name not in policies.disabled]
    objects = [one for name in chosen for one in _fitted(name, values, platform.release_namespace)]
    order = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    return sorted(objects, key=lambda one: order.index(one["kind"]))


def parameters(
    platform: Platform, data: DataDomains, policies: Policies, elsewhere: Elsewhere = _NOWHERE
) -> dict[str, str]:
    """Return what the policies need to know of the installation; parameters.yaml explains it."""
    root = data.root
    writable, read_only = _host_paths(data, policies)
    return {
        "namespacePrefix": platform.namespace_prefix,
        "hub": f"system:serviceaccount:{platform.release_namespace}:{_HUB_ACCOUNT}",
        "argoNamespace": elsewhere.argo_namespace,
        "secretNamespaces": _lines(elsewhere.secret_namespaces),
        "administrators": _lines(policies.administrators),
        "controllers": _lines(policies.controllers),
        "trusted": _lines(policies.trusted),
        "domain": platform.hostname_domain,
        "ingressClass": platform.ingress_class if platform.exposure == "ingress" else INGRESS_CLASS,
        "ingressAnnotations": _lines(platform.controller_annotations),
        "serviceHosts": _lines(platform.pool),
        "hostPaths": _lines(writable),
        "hostPathsReadOnly": _lines(read_only),
        "filesUrl": data.files_url,
        "filesPath": root.path.rstrip("/") if root else "",
        "filesServer": root.server if root else "",
        "priorityClasses": _lines(policies.priority_classes),
        "runtimeClasses": _lines(policies.runtime_classes),
        "protectedTaints": _lines(policies.protected_taints),
        "tokenSeconds": str(policies.token_seconds),
    }


def _host_paths(data: DataDomains, policies: Policies) -> tuple[list[str], list[str]]:
    """Divide the allowed folders of the node into those for writing and those for reading only.

    Where users can write anyway, a link planted by one of them would be followed by another's pod.
    """
    root = data.root
    shared = PurePosixPath(root.path) if root and root.scheme == "file" else None

    def read_only(folder: str) -> bool:
        path = PurePosixPath(folder)
        users_write = shared is not None and (path.is_relative_to(shared) or shared.is_relative_to(path))
        return users_write or folder in policies.read_only_host_paths

    folders = data.allowed_host_path_dirs
    return [one for one in folders if not read_only(one)], [one for one in folders if read_only(one)]


def _fitted(name: str, values: Mapping[str, str], release_namespace: str) -> Iterator[Manifest]:
    """Yield the objects of one file, with the values written into the expressions."""
    for manifest in _read(f"{name}.yaml"):
        spec = manifest["spec"]
        for parameter in ("paramKind", "paramRef"):
            spec.pop(parameter, None)
        selector = spec.get("matchResources", {}).get("namespaceSelector", {})
        for found in selector.get("matchExpressions", []):
            found["values"] = [*_SYSTEM_NAMESPACES, release_namespace]
        yield {**manifest, "spec": _filled(spec, values)}


def _filled(node: Any, values: Mapping[str, str]) -> Any:
    """Return a tree in which each text has values, as CEL's literals, for its parameters."""
    if isinstance(node, dict):
        return {key: _filled(item, values) for key, item in node.items()}
    if isinstance(node, list):
        return [_filled(item, values) for item in node]
    return _PARAMETER.sub(lambda found: _literal(values[found[1]]), node) if isinstance(node, str) else node


def _literal(text: str) -> str:
    # JSON's escapes are among CEL's. ref: https://github.com/google/cel-spec/blob/master/doc/langdef.md
    return json.dumps(text, ensure_ascii=False)


def _read(name: str) -> list[Manifest]:
    return list(yaml.safe_load_all(share_dir("policies", name).read_text(encoding="utf-8")))


def _lines(entries: Sequence[str]) -> str:
    return "\n".join(entries)
