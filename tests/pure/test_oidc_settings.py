"""What c.OIDCProvider, c.Argo and c.Kubectl take, and what an administrator reads when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from traitlets import TraitError

from karvdash_hub.kube.client_secrets import manifest
from karvdash_hub.kube.config import ConfigError, KubeConfig
from karvdash_hub.kube.kubeconfigs import Server, server_for_people, sign_in_file, token_file
from karvdash_hub.kube.settings import Argo, Kubectl
from karvdash_hub.oidc_settings import OIDCProvider, is_client_id, secret_place
from karvdash_hub.registration import Wish, read_entry, suggest_id

URI = ["https://app.example.com/back"]
GOOD = {"client_id": "app", "redirect_uris": URI, "client_secret": "s" * 16}
RULE = (
    "must have 1 to 63 letters, digits, dots, hyphens and underscores, with a letter or digit first and last"
)


def without(key: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key} | more


@pytest.mark.parametrize(
    ("client", "problem"),
    [
        pytest.param(without("client_id"), f"client_id {RULE}", id="no id"),
        pytest.param(GOOD | {"client_id": "a/b"}, f"client_id {RULE}", id="slash"),
        pytest.param(
            without("redirect_uris"), "redirect_uris must list at least one address", id="no address"
        ),
        pytest.param(
            without("client_secret"),
            "a client that is not public needs client_secret or secret, one of them",
            id="no secret",
        ),
        pytest.param(
            GOOD | {"secret": "a/b"},
            "a client that is not public needs client_secret or secret, one of them",
            id="two secrets",
        ),
        pytest.param(
            GOOD | {"client_secret": "short"}, "client_secret must have at least 16 characters", id="short"
        ),
        pytest.param(
            without("client_secret", secret="x"), "secret must be namespace/name, not 'x'", id="place"
        ),
        pytest.param(
            GOOD | {"public": True},
            "a public client has neither client_secret nor secret",
            id="public secret",
        ),
        pytest.param(
            GOOD | {"redirect_uris": URI[0]}, f"redirect_uris must be a list, not {URI[0]!r}", id="a text"
        ),
        pytest.param(
            GOOD | {"scopes": []},
            "scopes is not known; known: client_id, name, redirect_uris, post_logout_redirect_uris, public, "
            "first_party, client_secret, secret",
            id="unknown",
        ),
    ],
)
def test_a_client_that_is_refused(client: dict[str, Any], problem: str) -> None:
    with pytest.raises(TraitError) as refused:
        OIDCProvider(clients=[GOOD | {"client_id": "other"}, client])
    assert str(refused.value) == f"OIDCProvider.clients[1]: {problem}"


def test_a_secret_is_in_no_message() -> None:
    with pytest.raises(TraitError) as refused:
        OIDCProvider(clients=[GOOD | {"client_secret": "sh0rt", "redirect_uris": []}])
    assert "sh0rt" not in str(refused.value)


def test_all_mistakes_at_once_and_ids_only_once() -> None:
    with pytest.raises(TraitError) as refused:
        OIDCProvider(clients=[GOOD, GOOD, without("redirect_uris", client_id="")])
    assert str(refused.value).splitlines() == [
        f"OIDCProvider.clients[2]: client_id {RULE}",
        "OIDCProvider.clients[2]: redirect_uris must list at least one address",
        "OIDCProvider.clients: client_id 'app' is there twice",
    ]


def test_an_entry_is_read_with_its_defaults() -> None:
    assert read_entry(GOOD) == Wish("app", (URI[0],), "app", False, True, (), "")


@pytest.mark.parametrize(
    ("place", "read"),
    [
        pytest.param("argo/oauth", ("argo", "oauth"), id="good"),
        pytest.param("argo/a.b-c", ("argo", "a.b-c"), id="dots"),
        pytest.param("argo", None, id="no name"),
        pytest.param("argo/", None, id="empty name"),
        pytest.param("/oauth", None, id="empty namespace"),
        pytest.param("argo/a/b", None, id="three parts"),
        pytest.param("argo/../x", None, id="dot dot"),
        pytest.param("Argo/x", None, id="upper case"),
        pytest.param("argo/x?dryRun=All", None, id="query"),
    ],
)
def test_the_place_of_a_secret(place: str, read: tuple[str, str] | None) -> None:
    assert secret_place(place) == read


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        pytest.param("Argo Workflows", "argo-workflows-", id="words"),
        pytest.param("  Ünïcode & more!  ", "n-code-more-", id="letters"),
        pytest.param("日本", "application-", id="none left"),
        pytest.param("x" * 200, "x" * 40 + "-", id="long"),
    ],
)
def test_ids_made_from_names(name: str, begins: str) -> None:
    made = suggest_id(name)
    assert made[:-4] == begins and is_client_id(made)
    assert suggest_id(name) != made


def test_the_secret_for_charts() -> None:
    assert manifest("argo/oauth", "argo", "s3cret") == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "oauth",
            "namespace": "argo",
            "labels": {"app.kubernetes.io/managed-by": "karvdash-hub", "karvdash.io/oidc-client": "argo"},
        },
        "type": "Opaque",
        "data": {"client-id": "YXJnbw==", "client-secret": "czNjcmV0"},
    }


def test_kubeconfig_files() -> None:
    made = yaml.safe_load(token_file(Server("https://k:6443", "PEM"), "karvdash-alice", "t"))
    assert made == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "karvdash",
                "cluster": {"server": "https://k:6443", "certificate-authority-data": "UEVN"},
            }
        ],
        "users": [{"name": "karvdash-alice", "user": {"token": "t"}}],
        "contexts": [
            {
                "name": "karvdash",
                "context": {"cluster": "karvdash", "namespace": "karvdash-alice", "user": "karvdash-alice"},
            }
        ],
        "current-context": "karvdash",
    }
    by_sign_in = yaml.safe_load(
        sign_in_file(Server("https://k", ""), "ns", "https://h/hub/oidc", "kubernetes")
    )
    assert by_sign_in["clusters"][0]["cluster"] == {"server": "https://k"}
    assert by_sign_in["users"][0]["user"]["exec"] == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "kubectl",
        "args": [
            "oidc-login",
            "get-token",
            "--oidc-issuer-url=https://h/hub/oidc",
            "--oidc-client-id=kubernetes",
            "--oidc-pkce-method=S256",
        ],
        "interactiveMode": "Never",
    }


@pytest.mark.parametrize(
    ("settings", "url", "ca"),
    [
        pytest.param({}, "https://10.0.0.1:443", "own", id="as the Hub itself"),
        pytest.param({"server": "https://k8s.example.com/"}, "https://k8s.example.com", "", id="public"),
        pytest.param(
            {"server": "https://k8s.example.com", "certificate_authority": "theirs"},
            "https://k8s.example.com",
            "theirs",
            id="with an authority",
        ),
    ],
)
def test_where_peoples_computers_find_kubernetes(
    tmp_path: Path, settings: dict[str, str], url: str, ca: str
) -> None:
    for name in ("own", "theirs"):
        (tmp_path / name).write_text(name)
    if "certificate_authority" in settings:
        settings = settings | {"certificate_authority": str(tmp_path / settings["certificate_authority"])}
    own = KubeConfig("https://10.0.0.1:443", ca_file=str(tmp_path / "own"))
    assert server_for_people(Kubectl(**settings), own) == Server(url, ca)


def test_an_authority_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigError, match="certificate authority of the API server cannot be read"):
        server_for_people(Kubectl(certificate_authority="/nowhere"), KubeConfig("https://x"))


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        pytest.param(Argo, "url", "argo.example.com", id="no scheme"),
        pytest.param(Argo, "url", "javascript:alert(1)", id="script"),
        pytest.param(Argo, "namespace", "a/b", id="namespace"),
        pytest.param(Kubectl, "lifetime", 60, id="shorter than Kubernetes allows"),
        pytest.param(OIDCProvider, "secret_namespaces", ["../x"], id="secret namespaces"),
        pytest.param(OIDCProvider, "code_lifetime", 3600, id="longer than RFC 6749 allows"),
    ],
)
def test_settings_that_are_refused(kind: Any, name: str, value: Any) -> None:
    with pytest.raises(TraitError, match=name):
        kind(**{name: value})
