"""What the page says for programs that are not run here names only what their documentation has.

Names of fields: argo-workflows config/sso.go; grafana docs/sources/setup-grafana/configure-security/
configure-authentication/generic-oauth/index.md; vouch-proxy config/config.yml_example.
"""

from __future__ import annotations

import configparser
from typing import Any

import yaml

from karvdash_hub.kube.contents import ARGO_BINDING, Wanted
from karvdash_hub.oidc import discovery
from karvdash_hub.spawner.outside import OIDC_PREFIX
from tests.relying.trust import PAGE, block

ISSUER = "https://hub.example.com/hub/oidc"


def fields(text: str) -> set[str]:
    return set(text.split())


ARGO = fields("""
    issuer issuerAlias clientId clientSecret redirectUrl logoutRedirectUrl rbac scopes sessionExpiry
    customGroupClaimName userInfoPath insecureSkipVerify filterGroupsRegex rootCA
""")
GRAFANA = fields("""
    enabled name icon client_id client_secret auth_url token_url api_url auth_style scopes empty_scopes
    allow_sign_up auto_login id_token_attribute_name login_attribute_path name_attribute_path
    email_attribute_path email_attribute_name role_attribute_path role_attribute_strict skip_org_role_sync
    org_attribute_path org_mapping allow_assign_grafana_admin groups_attribute_path allowed_groups
    use_pkce use_refresh_token
""")
VOUCH = {
    "vouch": fields("""
        logLevel testing listen port domains allowAllUsers publicAccess whiteList jwt cookie session
        headers test_url
    """),
    "oauth": fields("""
        provider client_id client_secret callback_url callback_urls preferredDomain scopes auth_url
        token_url user_info_url
    """),
}


def endpoints() -> dict[str, Any]:
    return discovery.document(ISSUER)


def test_argo() -> None:
    said = yaml.safe_load(yaml.safe_load(block("yaml", "rbac:\n    enabled"))["sso"])
    assert said.keys() <= ARGO
    assert (said["issuer"], said["rbac"]) == (ISSUER, {"enabled": True})
    assert {said[key]["key"] for key in ("clientId", "clientSecret")} == {"client-id", "client-secret"}
    assert set(said["scopes"]) <= set(endpoints()["scopes_supported"])


def test_argos_account_gets_the_users_role() -> None:
    subject = {"kind": "ServiceAccount", "namespace": "argo", "name": "karvdash-alice"}
    wanted = Wanted("karvdash-alice", "alice", "alice", "hub-1", "admin", also={ARGO_BINDING: subject})
    assert wanted.bindings("hub")[-1] == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {
            "name": "argo-binding",
            "namespace": "karvdash-alice",
            "labels": {"app.kubernetes.io/managed-by": "karvdash-hub", "karvdash.io/injected": "true"},
        },
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
        "subjects": [subject],
    }
    gone = ("rbac.authorization.k8s.io/v1", "RoleBinding", "karvdash-oidc")
    assert gone in wanted.unwanted()


def test_grafana() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(block("ini", "auth.generic_oauth"))
    said = dict(parser["auth.generic_oauth"])
    assert said.keys() <= GRAFANA
    found = endpoints()
    assert said["auth_url"] == found["authorization_endpoint"]
    assert said["token_url"] == found["token_endpoint"]
    assert said["api_url"] == found["userinfo_endpoint"]
    assert set(said["scopes"].split()) <= set(found["scopes_supported"])


def test_vouch() -> None:
    said = yaml.safe_load(block("yaml", "allowAllUsers"))
    assert all(said[part].keys() <= VOUCH[part] for part in said)
    found, oauth = endpoints(), said["oauth"]
    assert oauth["auth_url"] == found["authorization_endpoint"]
    assert oauth["token_url"] == found["token_endpoint"]
    assert oauth["user_info_url"] == found["userinfo_endpoint"]
    assert set(said["vouch"]["headers"]["claims"]) <= set(found["claims_supported"])


def test_the_prefix_of_users_is_that_of_the_page() -> None:
    (jwt,) = yaml.safe_load(block("yaml", "AuthenticationConfiguration"))["jwt"]
    assert jwt["claimMappings"]["username"] == {"claim": "sub", "prefix": OIDC_PREFIX}
    assert f"{ISSUER}{discovery.PATH}" in PAGE.read_text()
