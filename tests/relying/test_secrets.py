"""Secrets for applications, and what the Hub's identity may write outside of users' namespaces.

The policy is asked with more than the Hub's roles, so that it is the policy which refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.relying.site import FORMER, Application, TrustingSite
from tests.site.visitor import Visitor

HUB = "system:serviceaccount:karvdash:karvdash-hub"
ALL = "tests-everything"
LABEL = {"karvdash.io/oidc-client": "x"}


def test_the_configurations_application_has_its_secret(
    site: TrustingSite, browser: Visitor, soon: Callable[..., None]
) -> None:
    """As charts read it; and it works."""
    path = "/api/v1/namespaces/argo/secrets"
    soon(lambda: has(site, path, "karvdash-oauth-argo"), "no Secret")
    secret = site.secret("karvdash-oauth-argo")
    assert secret.keys() == {"client-id", "client-secret"}
    back = "https://argo.example.com/oauth2/callback"
    tokens = Application(site, secret["client-id"], secret["client-secret"], back).sign_in(browser)
    assert {"id_token", "access_token"} <= tokens.keys()


def test_the_hub_follows_its_configuration_when_it_starts(
    site: TrustingSite, browser: Visitor, soon: Callable[..., None]
) -> None:
    """An entry that is taken out is gone with its Secret; a Secret that somebody deleted is made anew."""
    path, back = "/api/v1/namespaces/argo/secrets", "https://argo.example.com/oauth2/callback"
    soon(lambda: has(site, path, "karvdash-oauth-former"), "no Secret")
    before = site.secret("karvdash-oauth-argo")["client-secret"]
    site.kubectl("delete", "secret", "karvdash-oauth-argo", "-n", "argo")
    site.processes["hub"].stop()
    extra = site.folder / "extra.py"
    extra.write_text(extra.read_text().replace(FORMER, ""))
    site.start("hub")
    soon(lambda: has(site, path, "karvdash-oauth-argo"), "no Secret")
    after = site.secret("karvdash-oauth-argo")["client-secret"]
    assert after != before
    assert "id_token" in Application(site, "argo", after, back).sign_in(browser)
    with pytest.raises(AssertionError, match="invalid_client"):
        Application(site, "argo", before, back).sign_in(browser)
    soon(lambda: not has(site, path, "karvdash-oauth-former"), "the Secret is still there")
    assert site.api("GET", "/karvdash/oidc/clients/former/", token=site.boss.token).status_code == 404


def has(site: TrustingSite, path: str, name: str) -> bool:
    return name in [one["metadata"]["name"] for one in site.kube("GET", path)["items"]]


def test_an_applications_secret_comes_and_goes_with_it(site: TrustingSite) -> None:
    made = site.application("Chart", "https://chart.example.com/back", secret="argo/karvdash-oauth-chart")
    assert site.secret("karvdash-oauth-chart") == {
        "client-id": made.client_id,
        "client-secret": made.secret,
    }
    boss = site.boss.token
    body = {
        "name": "Second",
        "redirect_uris": ["https://x.example.com/"],
        "secret": "argo/karvdash-oauth-chart",
    }
    again = site.api("POST", "/karvdash/oidc/clients/", body, token=boss)
    assert (again.status_code, "already" in again.json()["error"]) == (409, True)
    listed = site.api("GET", "/karvdash/oidc/clients/", token=boss).json()["objects"]
    assert "Second" not in [one["name"] for one in listed]
    assert site.api("DELETE", f"/karvdash/oidc/clients/{made.client_id}/", token=boss).status_code == 204
    assert not has(site, "/api/v1/namespaces/argo/secrets", "karvdash-oauth-chart")


@pytest.fixture(scope="module")
def everything(site: TrustingSite) -> Iterator[None]:
    """A group whose members no role holds back."""
    site.kubectl("create", "clusterrolebinding", ALL, "--clusterrole=cluster-admin", f"--group={ALL}")
    site.kubectl("create", "secret", "generic", "somebodys", "-n", "argo", "--from-literal=a=b")
    yield
    site.kubectl("delete", "clusterrolebinding", ALL)


def secret(name: str, namespace: str = "argo", kind: str = "Opaque", **meta: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, **meta}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind}


def account(name: str, namespace: str = "argo") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


TOKEN = "kubernetes.io/service-account-token"
OF = "kubernetes.io/service-account.name"


@pytest.mark.parametrize(
    ("manifest", "allowed"),
    [
        pytest.param(account("karvdash-carol"), True, id="an account for Argo"),
        pytest.param(
            secret("karvdash-carol.service-account-token", kind=TOKEN, annotations={OF: "karvdash-carol"}),
            True,
            id="its Secret",
        ),
        pytest.param(secret("oauth", labels=LABEL), True, id="a Secret of a client"),
        pytest.param(account("argo-server"), False, id="another account"),
        pytest.param(account("karvdash-carol", "default"), False, id="an account elsewhere"),
        pytest.param(
            secret("karvdash-x.service-account-token", kind=TOKEN, annotations={OF: "argo-server"}),
            False,
            id="a token of another account",
        ),
        pytest.param(secret("oauth"), False, id="a Secret without the label"),
        pytest.param(secret("karvdash-oauth"), False, id="a name of ours without the label"),
        pytest.param(
            secret("oauth", kind=TOKEN, labels=LABEL, annotations={OF: "argo-server"}),
            False,
            id="a token with the label",
        ),
        pytest.param(secret("oauth", "default", labels=LABEL), False, id="a namespace that is not listed"),
        pytest.param(
            secret("oauth", "kube-system", labels=LABEL), False, id="the namespace of Kubernetes itself"
        ),
        pytest.param(secret("somebodys", labels=LABEL), False, id="over a Secret of somebody else"),
        pytest.param(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "argo"}},
            False,
            id="another kind",
        ),
    ],
)
def test_what_the_hub_may_write_elsewhere(
    site: TrustingSite, everything: None, manifest: dict[str, Any], allowed: bool
) -> None:
    answer = site.kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", f"--as={HUB}", f"--as-group={ALL}",
        "-f", "-", text=json.dumps(manifest),
    )  # fmt: skip
    assert (answer.returncode == 0) is allowed, answer
    if not allowed:
        assert "the Hub may write nothing in" in answer.stderr


def test_the_hub_deletes_no_secret_of_somebody_else(site: TrustingSite, everything: None) -> None:
    answer = site.kubectl(
        "delete", "secret", "somebodys", "-n", "argo", "--dry-run=server", f"--as={HUB}", f"--as-group={ALL}"
    )
    assert "the Hub may write nothing in argo" in answer.stderr
