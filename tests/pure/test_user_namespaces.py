"""What the settings put into user namespaces, whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError

from karvdash_hub.kube.contents import ApiAccess, Isolation, Wanted
from karvdash_hub.kube.settings import UserNamespaces

OWN = {"podSelector": {}}
NO_USER = {
    "namespaceSelector": {"matchExpressions": [{"key": "karvdash.io/user", "operator": "DoesNotExist"}]}
}
RELEASE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "karvdash"}}}
METADATA_4 = {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}
METADATA_6 = {"cidr": "::/0", "except": ["fd00:ec2::254/128"]}


def wanted(**more: Any) -> Wanted:
    return Wanted("karvdash-a", "a", "a", "hub", "admin", **more)


def policy(**settings: Any) -> dict[str, Any] | None:
    isolation = UserNamespaces(**settings).isolation("karvdash")
    made = {one["kind"]: one for one in wanted(isolation=isolation).contents()}
    return made.get("NetworkPolicy")


@pytest.mark.parametrize(
    ("settings", "ingress", "egress"),
    [
        pytest.param({}, [OWN, RELEASE], [METADATA_4, METADATA_6], id="defaults"),
        pytest.param(
            {"platform_peers": [{"ipBlock": {"cidr": "192.0.2.7/32"}}]},
            [OWN, {"ipBlock": {"cidr": "192.0.2.7/32"}}],
            [METADATA_4, METADATA_6],
            id="Hub outside",
        ),
        pytest.param(
            {"pod_cidrs": ["10.244.0.0/16", "fd00:10::/56"], "forbidden_cidrs": []},
            [OWN, RELEASE],
            [
                {"cidr": "0.0.0.0/0", "except": ["10.244.0.0/16"]},
                {"cidr": "::/0", "except": ["fd00:10::/56"]},
            ],
            id="pods' networks",
        ),
        pytest.param(
            {"forbidden_cidrs": []}, [OWN, RELEASE], [{"cidr": "0.0.0.0/0"}, {"cidr": "::/0"}], id="all open"
        ),
    ],
)
def test_the_network_policy(settings: dict[str, Any], ingress: list[Any], egress: list[Any]) -> None:
    assert policy(**settings) == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": "karvdash-isolate",
            "namespace": "karvdash-a",
            "labels": {"app.kubernetes.io/managed-by": "karvdash-hub", "karvdash.io/injected": "true"},
        },
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": ingress}],
            "egress": [{"to": [OWN, NO_USER, *({"ipBlock": block} for block in egress)]}],
        },
    }


def test_no_network_policy() -> None:
    assert policy(network_policy=False) is None
    assert ("networking.k8s.io/v1", "NetworkPolicy", "karvdash-isolate") in wanted().unwanted()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            {"pod_cidrs": ["10.0.0.1/8"]},
            r"UserNamespaces.pod_cidrs has '10.0.0.1/8', which is no network: 10.0.0.1/8 has host bits set",
            id="host bits",
        ),
        pytest.param(
            {"forbidden_cidrs": ["metadata"]}, r"UserNamespaces.forbidden_cidrs has 'metadata'", id="a name"
        ),
        pytest.param(
            {"platform_peers": [{"cidr": "10.0.0.0/8"}]},
            r"UserNamespaces.platform_peers must be NetworkPolicyPeer objects",
            id="no peer",
        ),
        pytest.param({"platform_peers": [{}]}, r"NetworkPolicyPeer objects", id="everybody"),
        pytest.param({"token_lifetime": 1}, r"token_lifetime", id="a second"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(TraitError, match=message):
        UserNamespaces(**settings)


def test_the_token_is_in_no_representation() -> None:
    """Whatever logs a wish logs no token; two tokens are two wishes all the same."""
    one, two = (wanted(api=ApiAccess("http://hub/api", token, "2026")) for token in ("secret-1", "secret-2"))
    assert "secret" not in repr(one) + one.digest
    assert one.digest != two.digest


def test_two_isolations_are_two_wishes() -> None:
    one, two = (wanted(isolation=Isolation(forbidden_cidrs=[cidr])) for cidr in ("10.0.0.0/8", "11.0.0.0/8"))
    assert one.digest != two.digest


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(None, "No such file or directory", id="missing"),
        pytest.param("s3cret", "it is no JSON with the key auths", id="no JSON"),
        pytest.param('["s3cret"]', "it is no JSON with the key auths", id="a list"),
        pytest.param('{"s3cret": 1}', "it is no JSON with the key auths", id="no auths"),
        pytest.param('{"auths": {}}', "auths names no registry", id="empty"),
        pytest.param('{"auths": ["s3cret"]}', "auths names no registry", id="auths is a list"),
    ],
)
def test_credentials_that_are_none(tmp_path: Path, content: str | None, why: str) -> None:
    """Named, and never quoted."""
    file = tmp_path / "config.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(TraitError) as caught:
        UserNamespaces(registry_credentials=str(file))
    assert str(caught.value) == f"UserNamespaces.registry_credentials, {file}: {why}"
