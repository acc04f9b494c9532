"""Certificates expired, renewed and replaced while pods are made; the configuration repaired and removed."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from cluster import ClusterError
from karvdash_hub.admission import authority
from tests.admission.people import MOUNTS, Refused, UserNamespace, mounts
from tests.admission.webhook import ROOT, Webhook

Json = dict[str, Any]


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def shown(webhook: Webhook) -> int:
    """Serial number of the certificate that a new connection gets to see."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((webhook.cluster.host_address, webhook.port), timeout=10) as plain,
        context.wrap_socket(plain) as connection,
    ):
        der = connection.getpeercert(binary_form=True)
    assert der is not None
    return authority.x509.load_der_x509_certificate(der).serial_number


def in_files(webhook: Webhook) -> int:
    """Serial number of the certificate in the file."""
    return authority.x509.load_pem_x509_certificate(webhook.cert_file.read_bytes()).serial_number


def test_an_expired_certificate(renewed: Webhook, bob: UserNamespace, pod: Json) -> None:
    """Kubernetes refuses the server, so no pod is made; /readyz says why; the next certificate heals it."""
    signs = authority.read(renewed.folder / "ca.crt", renewed.folder / "ca.key")
    assert signs is not None
    old = authority.make_leaf(signs, [renewed.cluster.host_address], time.time() - 86400, 3600)
    authority.write(renewed.key_file, old.key_pem)
    authority.write(renewed.cert_file, old.pem)
    renewed.stop()  # connections from before would still be trusted
    renewed.replicas[0].start(renewed.command(), env=dict(os.environ), cwd=ROOT)
    wait_until(lambda: "expired" in renewed.get("/readyz")[1], "the server does not listen")
    with pytest.raises(Refused, match="certificate has expired"):
        bob.create_object(pod)
    pages = unverified(renewed, "/readyz")
    assert "503" in pages
    assert "The certificate has expired." in pages
    renewed.certificate()  # what the program does every minute
    wait_until(lambda: shown(renewed) == in_files(renewed), "the server does not take the new one")
    renewed.wait_ready()
    assert mounts(bob.create_object(pod)) == {"main": MOUNTS}


def unverified(webhook: Webhook, path: str) -> str:
    """GET as a probe does, which does not look at the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((webhook.cluster.host_address, webhook.port), timeout=10) as plain,
        context.wrap_socket(plain) as connection,
    ):
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def test_renewed_and_rotated_under_load(renewed: Webhook, bob: UserNamespace, pod: Json) -> None:
    """New certificates, then a new authority, while pods are made all the time: not one is refused."""
    stop = threading.Event()
    made: list[str] = []
    failed: list[str] = []

    def create() -> None:
        number = 0
        while not stop.is_set():
            name = f"p{threading.get_ident()}-{number}"
            number += 1
            try:
                answer = bob.create_object(pod | {"metadata": {"name": name}}, "?dryRun=All")
            except Refused as error:
                failed.append(str(error))
            else:
                made.append(name)
                if mounts(answer) != {"main": MOUNTS}:
                    failed.append(f"{name} without volumes")

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        first = in_files(renewed)
        renewed.certificate("--renew")
        wait_until(lambda: shown(renewed) == in_files(renewed) != first, "renewal")
        ca = (renewed.folder / "ca.crt").read_bytes()
        renewed.certificate("--rotate", "--overlap", "1")  # made and published
        assert (renewed.folder / "ca.crt").read_bytes() == ca
        time.sleep(2)
        renewed.certificate("--overlap", "1")  # signs
        assert (renewed.folder / "ca.crt").read_bytes() != ca
        wait_until(lambda: shown(renewed) == in_files(renewed), "rotation")
        assert failed == []
        renewed.replicas[0].stop()  # so that every connection is new
        renewed.start()
        wait_until(lambda: bool(made), "no pod was made")
        count = len(made)
        wait_until(lambda: len(made) > count + 20, "pods under the new authority")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    # While it was stopped and had not read the cluster, and only then, pods were refused.
    excuses = ("refused", "EOF", "reset", "has not seen the cluster yet")
    assert [one for one in failed if not any(excuse in one for excuse in excuses)] == []


def test_the_program_repairs_the_configuration(renewed: Webhook, tmp_path: Any) -> None:
    """Somebody deletes it or changes it: it is right again at the next look."""
    before = renewed.configuration()["webhooks"]
    change = (
        '{"webhooks":[{"name":"pods.admission.karvdash.io","failurePolicy":"Ignore","timeoutSeconds":30}]}'
    )
    name = "mutatingwebhookconfiguration/karvdash-hub"
    renewed.cluster.kubectl("patch", name, "--patch", change)
    assert renewed.configuration()["webhooks"] != before
    renewed.certificate()
    assert renewed.configuration()["webhooks"] == before
    renewed.certificate("--remove")
    with pytest.raises(ClusterError, match="not found"):
        renewed.configuration()
    renewed.certificate("--remove")
    renewed.certificate()
    assert renewed.configuration()["webhooks"] == before


def test_its_account_may_do_nothing_else(webhook: Webhook) -> None:
    """Neither of the two accounts can touch another configuration, Secrets or pods."""

    def may(account: str, *what: str) -> str:
        try:
            return webhook.cluster.kubectl(
                "auth", "can-i", *what, "--all-namespaces", f"--as=system:serviceaccount:karvdash:{account}"
            ).strip()
        except ClusterError as error:  # it ends with 1 for "no"
            return "no" if ": no" in str(error) else str(error)

    program, server = "karvdash-admission-certificate", "karvdash-admission"
    assert may(program, "patch", "mutatingwebhookconfigurations/karvdash-hub") == "yes"
    assert may(program, "patch", "mutatingwebhookconfigurations/other") == "no"
    for account in (program, server):
        for what in (("get", "secrets"), ("create", "pods"), ("list", "pods"), ("patch", "namespaces")):
            assert may(account, *what) == "no", (account, what)
    assert may(server, "patch", "mutatingwebhookconfigurations/karvdash-hub") == "no"


def test_the_program_goes_on_while_the_api_server_is_away(webhook: Webhook, tmp_path: Any) -> None:
    """It says so, and does its work when it can."""
    kubeconfig = tmp_path / "away.kubeconfig"
    text = (webhook.folder / "karvdash-admission-certificate.kubeconfig").read_text()
    kubeconfig.write_text(text.replace(":6443", ":1"))
    command = [
        sys.executable, "-m", "karvdash_hub.admission.certificate", "--url", webhook.url,
        "--kubeconfig", str(kubeconfig),
        "--cert-file", str(tmp_path / "tls.crt"), "--key-file", str(tmp_path / "tls.key"),
    ]  # fmt: skip
    once = subprocess.run([*command, "--once"], text=True, capture_output=True, cwd=ROOT, timeout=60)
    assert once.returncode == 1
    assert "connection refused" in once.stderr
    assert not (tmp_path / "tls.crt").exists(), "nobody would believe this certificate yet"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as program:
        assert program.stderr is not None
        assert "Not done, trying again" in program.stderr.readline()
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=20) == 0
