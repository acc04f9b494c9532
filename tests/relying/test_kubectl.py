"""kubectl on a person's own computer: with a file of the page Connect, and with an ID token."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from tests.relying.site import Application, TrustingSite
from tests.site.account import Account
from tests.site.visitor import Visitor


def download(browser: Visitor, by: str = "token") -> str:
    answer = browser.post("/hub/connect/kubeconfig", {"by": by})
    assert answer.status == 200, answer.data[:500]
    assert answer.headers["Content-Disposition"].endswith('.kubeconfig"')
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.data.decode()


@pytest.fixture(scope="module")
def file(browser: Visitor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kubectl") / "kubeconfig"
    path.write_text(download(browser))
    return path


def test_a_file_opens_the_own_namespace(site: TrustingSite, alice: Account, bob: Account, file: Path) -> None:
    made = site.kubectl("create", "configmap", "mine", "--from-literal=a=b", kubeconfig=file)
    assert (made.returncode, made.stdout) == (0, "configmap/mine created\n"), made.stderr
    config = yaml.safe_load(file.read_text())
    assert config["contexts"][0]["context"]["namespace"] == f"karvdash-{alice.name}"
    for other in (f"karvdash-{bob.name}", "default", "argo"):
        answer = site.kubectl("get", "configmaps", "-n", other, kubeconfig=file)
        assert (answer.returncode, "Forbidden" in answer.stderr) == (1, True), answer


def test_a_file_lasts_eight_hours(file: Path) -> None:
    token = yaml.safe_load(file.read_text())["users"][0]["user"]["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 8 * 3600


def handouts(browser: Visitor) -> list[str]:
    page = browser.hub("/hub/connect").data.decode()
    return re.findall(r"connect/kubeconfig/([^/]+)/revoke", page)


def refused_soon(site: TrustingSite, file: Path) -> None:
    deadline = time.monotonic() + 30
    while site.kubectl("get", "pods", kubeconfig=file).returncode == 0:
        # The API server keeps for ten seconds what it has found out about a token.
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_revoked_file_is_refused_and_others_go_on(
    site: TrustingSite, browser: Visitor, file: Path, tmp_path: Path
) -> None:
    before = set(handouts(browser))
    second = tmp_path / "second"
    second.write_text(download(browser))
    [new] = set(handouts(browser)) - before
    assert site.kubectl("get", "pods", kubeconfig=second).returncode == 0
    answer = browser.post(f"/hub/connect/kubeconfig/{new}/revoke")
    assert b"worthless" in answer.data
    refused_soon(site, second)
    assert site.kubectl("get", "pods", kubeconfig=file).returncode == 0


def test_somebody_else_cannot_revoke_it(site: TrustingSite, browser: Visitor, bob: Account) -> None:
    [*_, mine] = handouts(browser)
    other = Visitor(site).sign_in(bob)
    assert other.post(f"/hub/connect/kubeconfig/{mine}/revoke").status == 404
    # Nor anything of one's own that is no such file.
    assert other.post("/hub/connect/kubeconfig/api/revoke").status == 404
    assert mine in handouts(browser)


def test_who_has_just_signed_in_sees_no_mistake(site: TrustingSite) -> None:
    """The namespace is being made meanwhile."""
    page = Visitor(site).sign_in(site.account()).hub("/hub/connect").data.decode()
    assert "Download kubeconfig" in page
    assert "cannot be shown" not in page and "Handed out" not in page


# --- the API server trusts the Hub -----------------------------------------------------------


@pytest.fixture(scope="module")
def kubectl(site: TrustingSite, alice: Account, browser: Visitor) -> Application:
    """The public client that the Hub registers by itself."""
    return Application(site, "kubernetes", "", "http://localhost:8000")


@pytest.fixture(scope="module")
def id_token(kubectl: Application, browser: Visitor) -> str:
    return str(kubectl.sign_in(browser, "openid groups")["id_token"])


def with_token(site: TrustingSite, folder: Path, token: str) -> Path:
    """The file that the Hub hands out, with what its plugin would have got."""
    config = yaml.safe_load((site.folder / "admin.kubeconfig").read_text())
    config["users"][0]["user"] = {"token": token}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def trusted(site: TrustingSite, file: Path) -> None:
    """Wait until the API server has read the Hub's keys, which it tries every ten seconds."""
    deadline = time.monotonic() + 40
    while site.kubectl("auth", "whoami", kubeconfig=file).returncode:
        assert time.monotonic() < deadline, (site.cluster.folder / "kube-apiserver.log").read_text()[-3000:]
        time.sleep(0.5)


def test_an_id_token_is_the_person_and_opens_the_own_namespace(
    site: TrustingSite, alice: Account, bob: Account, id_token: str, tmp_path: Path
) -> None:
    file = with_token(site, tmp_path, id_token)
    trusted(site, file)
    sub = jwt.decode(id_token, options={"verify_signature": False})["sub"]
    who = site.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", kubeconfig=file)
    assert who.stdout == f"oidc:{sub}"
    own = f"karvdash-{alice.name}"
    made = site.kubectl("create", "configmap", "by-id-token", "-n", own, kubeconfig=file)
    assert made.returncode == 0, made.stderr
    for other in (f"karvdash-{bob.name}", "default", "argo"):
        answer = site.kubectl("get", "configmaps", "-n", other, kubeconfig=file)
        assert (answer.returncode, "Forbidden" in answer.stderr) == (1, True), answer


def test_groups_cannot_be_kubernetes_own(site: TrustingSite, tmp_path: Path, browser: Visitor,
                                         kubectl: Application, alice: Account) -> None:  # fmt: skip
    boss = site.boss.token
    site.api("POST", "/groups/system:masters", token=boss)
    added = site.api("POST", "/groups/system:masters/users", {"users": [alice.name]}, token=boss)
    assert added.ok, added.text
    try:
        file = with_token(site, tmp_path, kubectl.sign_in(browser, "openid groups")["id_token"])
        trusted(site, file)
        groups = site.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.groups}", kubeconfig=file)
        assert "oidc:system:masters" in groups.stdout and '"system:masters"' not in groups.stdout
        assert site.kubectl("get", "nodes", kubeconfig=file).returncode == 1
    finally:
        site.api("DELETE", "/groups/system:masters", token=boss)


def test_tokens_for_others_are_refused(site: TrustingSite, browser: Visitor, tmp_path: Path,
                                       id_token: str) -> None:  # fmt: skip
    trusted(site, with_token(site, tmp_path, id_token))
    other = site.application("Other", "https://other.example.com/back")
    tokens = other.sign_in(browser)
    for token in (tokens["id_token"], tokens["access_token"], id_token[:-4] + "AAAA"):
        file = with_token(site, tmp_path, token)
        answer = site.kubectl("get", "pods", "-n", "default", kubeconfig=file)
        assert "Unauthorized" in answer.stderr or "must be logged in" in answer.stderr, answer


def test_the_second_file_has_no_secret(site: TrustingSite, browser: Visitor, alice: Account) -> None:
    config = yaml.safe_load(download(browser, "oidc"))
    (user,) = config["users"]
    plugin: dict[str, Any] = user["user"].pop("exec")
    assert user["user"] == {}
    assert plugin["command"] == "kubectl" and f"--oidc-issuer-url={site.issuer}" in plugin["args"]


def test_a_deactivated_persons_files_and_id_token_open_nothing(
    site: TrustingSite, tmp_path: Path, kubectl: Application, soon: Callable[..., None]
) -> None:
    who = site.account()
    session = Visitor(site).sign_in(who)
    handed_out = tmp_path / "handed-out"
    handed_out.write_text(download(session))
    token = kubectl.sign_in(session, "openid")["id_token"]
    file, own = with_token(site, tmp_path, token), f"karvdash-{who.name}"
    soon(lambda: site.kubectl("get", "pods", "-n", own, kubeconfig=file).returncode == 0, "no rights")
    assert site.api("PATCH", f"/karvdash/users/{who.name}/", {"active": False}, token=site.boss.token).ok
    soon(lambda: site.kubectl("get", "pods", "-n", own, kubeconfig=file).returncode == 1, "rights stay")
    soon(lambda: site.kubectl("get", "pods", kubeconfig=handed_out).returncode == 1, "the file opens it")
