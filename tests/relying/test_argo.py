"""A user's account for Argo: made, allowed what the user is and nothing else, and gone with the user."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from karvdash_hub.kube.argo import ArgoAccount, token_secret
from tests.relying.site import TrustingSite
from tests.site.account import Account
from tests.site.visitor import Visitor

Soon = Callable[..., None]


def account_of(who: Account) -> str:
    return f"system:serviceaccount:argo:karvdash-{who.name}"


def test_the_objects_are_those_of_argos_documentation() -> None:
    account = ArgoAccount("argo", "karvdash-alice", "alice", "5c3f", "hub-1")
    ours = {"karvdash.io/hub": "hub-1", "karvdash.io/user": "alice"}
    labels = {"app.kubernetes.io/managed-by": "karvdash-hub"}
    assert account.manifests() == [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": "karvdash-alice",
                "namespace": "argo",
                "labels": labels,
                "annotations": {
                    "workflows.argoproj.io/rbac-rule": "sub == '5c3f'",
                    "workflows.argoproj.io/rbac-rule-precedence": "1",
                    **ours,
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "karvdash-alice.service-account-token",
                "namespace": "argo",
                "labels": labels,
                "annotations": {"kubernetes.io/service-account.name": "karvdash-alice", **ours},
            },
            "type": "kubernetes.io/service-account-token",
        },
    ]


@pytest.fixture(scope="module")
def made(site: TrustingSite, alice: Account, browser: Visitor, soon: Soon) -> Account:
    """Alice, whose account is there and has its token."""
    path = f"/api/v1/namespaces/argo/secrets/{token_secret(f'karvdash-{alice.name}')}"
    soon(lambda: "token" in (found(site, path).get("data") or {}), "no token")
    return alice


def found(site: TrustingSite, path: str) -> dict[str, dict[str, str]]:
    """An object, {} if it is not there."""
    group, _, name = path.rpartition("/")
    items = site.kube("GET", group)["items"]
    return next((item for item in items if item["metadata"]["name"] == name), {})


@pytest.mark.parametrize(
    ("verb", "resource", "where", "allowed"),
    [
        pytest.param("create", "workflows.argoproj.io", "own", True, id="workflows"),
        pytest.param("get", "pods/log", "own", True, id="logs"),
        pytest.param("delete", "pods", "own", True, id="pods"),
        pytest.param("create", "workflows.argoproj.io", "other", False, id="workflows-of-others"),
        pytest.param("list", "secrets", "argo", False, id="secrets-of-argo"),
        pytest.param("list", "secrets", "karvdash", False, id="secrets-of-the-release"),
        pytest.param("create", "workflows.argoproj.io", "", False, id="workflows-everywhere"),
        pytest.param("impersonate", "serviceaccounts", "argo", False, id="other-accounts"),
    ],
)
def test_what_argo_may_do_for_somebody(
    site: TrustingSite, made: Account, bob: Account, verb: str, resource: str, where: str, allowed: bool
) -> None:
    places = {"own": f"karvdash-{made.name}", "other": f"karvdash-{bob.name}"}
    assert site.can_i(account_of(made), verb, resource, places.get(where, where)) is allowed


def test_the_token_in_the_secret_is_that_account(site: TrustingSite, made: Account) -> None:
    token = site.secret(token_secret(f"karvdash-{made.name}"))["token"]
    said = site.kubectl("auth", "whoami", f"--token={token}", "--output=jsonpath={.status.userInfo.username}")
    # The administrator's kubeconfig has a token of its own, which the flag replaces.
    assert said.stdout == account_of(made), said.stderr


@pytest.mark.parametrize("end", ["deactivate", "delete"])
def test_it_ends_with_the_user(site: TrustingSite, end: str, soon: Soon) -> None:
    who = site.account()
    Visitor(site).sign_in(who)
    name, group = f"karvdash-{who.name}", "/api/v1/namespaces/argo/serviceaccounts"
    soon(lambda: bool(found(site, f"{group}/{name}")), "no account")
    soon(lambda: site.can_i(account_of(who), "create", "workflows.argoproj.io", name), "no rights")
    boss = site.boss.token
    if end == "deactivate":
        assert site.api("PATCH", f"/karvdash/users/{who.name}/", {"active": False}, token=boss).ok
    else:
        assert site.api("DELETE", f"/karvdash/users/{who.name}/", token=boss).ok
    soon(lambda: not found(site, f"{group}/{name}"), "the account is still there")
    secrets = "/api/v1/namespaces/argo/secrets"
    soon(lambda: not found(site, f"{secrets}/{token_secret(name)}"), "the Secret is still there")
    soon(lambda: not site.can_i(account_of(who), "create", "workflows.argoproj.io", name), "rights")
