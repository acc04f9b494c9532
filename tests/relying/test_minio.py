"""MinIO trusts the Hub: a program exchanges its ID token for keys and calls S3 with them.

MinIO is built from its Go module once (``python -m tests.prepare``) and kept as Kubernetes is.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from cluster import binaries
from tests.gate.conftest import free_ports
from tests.relying.programs import MINIO
from tests.relying.s3 import Keys, assume_role, call
from tests.relying.site import Application, TrustingSite
from tests.relying.trust import block
from tests.site.account import Account
from tests.site.visitor import Visitor

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def application(site: TrustingSite) -> Application:
    # It sends nobody to the Hub here: programs bring their ID tokens.
    return site.application("MinIO", "https://minio.example.com/oauth_callback", client_id="minio")


@pytest.fixture(scope="module")
def server(
    site: TrustingSite, application: Application, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    binaries.ensure(print, (MINIO,))
    folder, [port] = tmp_path_factory.mktemp("minio"), free_ports(1)
    authorities = folder / "certs" / "CAs"
    authorities.mkdir(parents=True)
    (authorities / "site.crt").write_bytes(site.ca_file.read_bytes())
    command = [
        *site.inside, str(binaries.find("minio", (MINIO,))), "server", str(folder / "data"), "--quiet",
        "--address", f"127.0.0.1:{port}", "--console-address", "127.0.0.1:0",
        "--certs-dir", str(folder / "certs"),
    ]  # fmt: skip
    own = environment(site, application) | {"HOME": str(folder)}  # it leaves folders there
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=own, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_it_answers(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(30)


def environment(site: TrustingSite, application: Application) -> dict[str, str]:
    """What the page says, with this site's addresses."""
    text = block("ini", "MINIO_IDENTITY_OPENID").replace("https://hub.example.com/hub/oidc", site.issuer)
    said = dict(line.split("=", 1) for line in text.splitlines())
    said["MINIO_IDENTITY_OPENID_CLIENT_SECRET"] = application.secret
    root = {"MINIO_ROOT_USER": "root", "MINIO_ROOT_PASSWORD": secrets.token_hex(16)}
    return {"PATH": os.environ["PATH"], **said, **root}


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ready, by its own word, is sooner than its part for accounts: 503, STSIAMNotInitialized."""
    deadline = time.monotonic() + 60
    while True:
        try:
            answer = assume_role(url, "no token")
            if isinstance(answer, requests.Response) and answer.status_code != 503:
                return
        except requests.ConnectionError:
            pass
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.1)


@pytest.fixture(scope="module")
def writer(site: TrustingSite, alice: Account) -> Iterator[Account]:
    """Alice, in the group whose name is that of a policy of MinIO's."""
    boss = site.boss.token
    site.api("POST", "/groups/readwrite", token=boss)
    assert site.api("POST", "/groups/readwrite/users", {"users": [alice.name]}, token=boss).ok
    yield alice
    site.api("DELETE", "/groups/readwrite", token=boss)


def test_an_id_token_becomes_keys_that_open_s3(
    server: str, application: Application, writer: Account, browser: Visitor
) -> None:
    token, deadline = application.sign_in(browser, "openid groups")["id_token"], time.monotonic() + 30
    # It answers some moments before it has read its own policies.
    while not isinstance(keys := assume_role(server, token), Keys):
        assert "are defined" in keys.text and time.monotonic() < deadline, keys.text
        time.sleep(0.2)
    assert call(server, keys, "PUT", "/results").status_code == 200
    assert call(server, keys, "PUT", "/results/a.txt", b"forty-two").status_code == 200
    assert call(server, keys, "GET", "/results/a.txt").content == b"forty-two"


def test_who_is_in_no_group_with_a_policy_gets_none(
    site: TrustingSite, server: str, application: Application, bob: Account
) -> None:
    answer = assume_role(server, application.sign_in(Visitor(site).sign_in(bob), "openid groups")["id_token"])
    assert isinstance(answer, requests.Response) and answer.status_code in (400, 403), answer


@pytest.mark.parametrize("what", ["another client's", "forged", "access token"])
def test_other_tokens_are_refused(
    site: TrustingSite, server: str, application: Application, writer: Account, browser: Visitor, what: str
) -> None:
    other: Any = application
    if what == "another client's":
        other = site.application("Other", "https://other.example.com/back")
    tokens = other.sign_in(browser)
    token = tokens["access_token"] if what == "access token" else tokens["id_token"]
    answer = assume_role(server, token[:-6] + "AAAAAA" if what == "forged" else token)
    assert isinstance(answer, requests.Response) and answer.status_code in (400, 403), answer
