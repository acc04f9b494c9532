"""When certificates are made, which are trusted meanwhile, and what Kubernetes is told."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest

from karvdash_hub.admission import authority, configuration, renewal, tls
from karvdash_hub.admission.certificate import parse
from karvdash_hub.errors import KarvdashError

DAY, HOUR = 86400.0, 3600.0
NOW = 1_800_000_000.0
HOSTS = ["karvdash-admission.karvdash.svc", "192.0.2.7"]


@pytest.fixture
def files(tmp_path: Path) -> renewal.Files:
    """Files in a folder that does not exist yet."""
    folder = tmp_path / "tls"
    return renewal.Files(folder / "tls.crt", folder / "tls.key", folder)


def step(files: renewal.Files, now: float, **more: Any) -> tuple[str, str]:
    """Do everything as the program does; return who signs and who is trusted, by serial numbers."""
    signs, bundle = renewal.prepare(files, now, **more)
    files.note_published(now)
    renewal.renew(files, signs, HOSTS, now)
    trusted = authority.x509.load_pem_x509_certificates(bundle)
    return f"{signs.certificate.serial_number:x}", " ".join(f"{one.serial_number:x}" for one in trusted)


def leaf(files: renewal.Files) -> authority.Pair:
    found = authority.read(files.cert_file, files.key_file)
    assert found is not None
    return found


def test_the_first_certificate(files: renewal.Files) -> None:
    """It is for the hosts, signed by an authority that is trusted, and only its owner can read the keys."""
    signs, trusted = step(files, NOW)
    assert trusted == signs
    assert leaf(files).good_for(HOSTS)
    modes = {path.name: path.stat().st_mode & 0o777 for path in files.folder.iterdir()}
    assert modes == {"tls.crt": 0o644, "tls.key": 0o600, "ca.crt": 0o644, "ca.key": 0o600}
    assert files.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("later", "renewed"), [(0.0, False), (DAY - 60, False), (DAY + 60, True), (30 * DAY, True)]
)
def test_it_is_renewed_every_day(files: renewal.Files, later: float, renewed: bool) -> None:
    """By the same authority, long before it ends."""
    signs, _ = step(files, NOW)
    before = leaf(files).pem
    assert step(files, NOW + later)[0] == signs
    assert (leaf(files).pem != before) is renewed
    assert leaf(files).ends - (NOW + later) > 5 * DAY


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda files: files.key_file.unlink(), id="key lost"),
        pytest.param(lambda files: files.cert_file.write_text("x"), id="certificate damaged"),
        pytest.param(
            lambda files: files.key_file.write_bytes((files.folder / "ca.key").read_bytes()), id="other key"
        ),
    ],
)
def test_a_damaged_certificate_is_made_anew(files: renewal.Files, spoil: Any) -> None:
    """At the next look."""
    step(files, NOW)
    spoil(files)
    step(files, NOW + 60)
    assert leaf(files).good_for(HOSTS)


def test_other_hosts_need_another_certificate(files: renewal.Files) -> None:
    """The address of the webhook has changed."""
    signs, _ = renewal.prepare(files, NOW)
    assert renewal.renew(files, signs, HOSTS, NOW)
    assert not renewal.renew(files, signs, HOSTS, NOW)
    assert renewal.renew(files, signs, ["192.0.2.8"], NOW)


def test_a_new_authority_is_trusted_before_it_signs(files: renewal.Files) -> None:
    """And the former one until it ends: at no moment is a good server not believed."""
    first, _ = step(files, NOW)
    due = NOW + 250 * DAY
    assert step(files, due)[0] == first
    _, both = step(files, due + HOUR / 2)
    assert both.split()[0] == first
    second = both.split()[1]
    signs, trusted = step(files, due + HOUR + 60)
    assert (signs, trusted) == (second, f"{second} {first}")
    assert step(files, NOW + 366 * DAY) == (second, second)


def test_an_authority_that_kubernetes_does_not_know_never_signs(files: renewal.Files) -> None:
    """While the API server is away nothing is promoted."""
    first, _ = step(files, NOW)
    renewal.prepare(files, NOW + 250 * DAY)
    signs, _ = renewal.prepare(files, NOW + 260 * DAY)
    assert f"{signs.certificate.serial_number:x}" == first


def test_a_lost_authority_is_replaced_at_once(files: renewal.Files) -> None:
    """Nothing could be signed otherwise."""
    first, _ = step(files, NOW)
    (files.folder / "ca.key").unlink()
    second, trusted = step(files, NOW + DAY)
    assert second != first
    assert trusted == second


def test_an_expired_authority_is_replaced(files: renewal.Files) -> None:
    """The program did not run for a year."""
    first, _ = step(files, NOW)
    second, trusted = step(files, NOW + 400 * DAY)
    assert second != first
    assert trusted == second


def test_rotation_on_request(files: renewal.Files) -> None:
    """--rotate twice: begun, then finished."""
    first, _ = step(files, NOW)
    _, trusted = step(files, NOW + 1, rotate=True, overlap=10)
    assert len(trusted.split()) == 2
    assert step(files, NOW + 5, overlap=10)[0] == first
    assert step(files, NOW + 12, overlap=10)[0] == trusted.split()[1]


def test_the_server_reads_when_a_certificate_ends(files: renewal.Files) -> None:
    """Without a package for it."""
    step(files, NOW)
    assert tls.not_after(files.cert_file.read_text()) == NOW + 7 * DAY
    far = authority.make_authority(NOW, 365 * DAY * 60)
    assert tls.not_after(far.pem.decode()) == NOW + 365 * DAY * 60


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate(text: str) -> None:
    """It is an error that can be waited out."""
    with pytest.raises(ValueError):
        tls.not_after(text)


def test_a_half_written_pair_is_not_used(files: renewal.Files) -> None:
    """The server goes on with the one it has."""
    step(files, NOW)
    certificate = tls.Certificate(files.cert_file, files.key_file)
    assert isinstance(certificate.load(), ssl.SSLContext)
    assert not certificate.changed()
    files.key_file.write_bytes((files.folder / "ca.key").read_bytes())
    assert certificate.changed()
    with pytest.raises(tls.NoCertificate, match="cannot be used"):
        certificate.load()
    assert certificate.expires == NOW + 7 * DAY


@pytest.mark.parametrize(
    ("client", "hosts"),
    [
        pytest.param(configuration.client_for_url("https://192.0.2.7:9443"), ["192.0.2.7"], id="url"),
        pytest.param(
            configuration.client_for_service("karvdash/karvdash-admission:8443"),
            ["karvdash-admission.karvdash.svc", "karvdash-admission.karvdash.svc.cluster.local"],
            id="service",
        ),
    ],
)
def test_names_that_the_certificate_is_for(client: dict[str, Any], hosts: list[str]) -> None:
    """Those that the API server asks for."""
    assert configuration.hosts(client) == hosts


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://192.0.2.7:9443", "https://192.0.2.7:9443/mutate"),
        ("https://hook.example.com/a/b/", "https://hook.example.com/a/b"),
    ],
)
def test_addresses_of_the_webhook(url: str, expected: str) -> None:
    """With our path unless one is given."""
    assert configuration.client_for_url(url) == {"url": expected}


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (configuration.client_for_url, "http://192.0.2.7"),
        (configuration.client_for_url, "https://u@192.0.2.7"),
        (configuration.client_for_url, "https:///x"),
        (configuration.client_for_service, "karvdash"),
        (configuration.client_for_service, "a/b/c"),
        (configuration.client_for_service, "a/b:x"),
        (configuration.client_for_service, "A/b"),
    ],
)
def test_addresses_that_cannot_be_used(make: Any, text: str) -> None:
    """The message quotes them."""
    with pytest.raises(KarvdashError, match=text):
        make(text)


def test_what_kubernetes_is_told() -> None:
    """Compared whole: each line of it decides what happens when something is wrong."""
    client = configuration.client_for_service("karvdash/karvdash-admission")
    made = configuration.manifest(client, prefix="karvdash-", release="karvdash-system", bundle=b"PEM")
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "scope": "Namespaced"}
    assert made == {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "karvdash-hub", "labels": {"app.kubernetes.io/part-of": "karvdash-hub"}},
        "webhooks": [
            {
                "name": "pods.admission.karvdash.io",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {
                    "service": {
                        "namespace": "karvdash",
                        "name": "karvdash-admission",
                        "path": "/mutate",
                        "port": 443,
                    },
                    "caBundle": base64.b64encode(b"PEM").decode(),
                },
                "rules": [
                    {**rule, "operations": ["CREATE"], "resources": ["pods"]},
                    {**rule, "operations": ["UPDATE"], "resources": ["pods/ephemeralcontainers"]},
                ],
                "matchConditions": [
                    {
                        "name": "user-namespace",
                        "expression": 'request.namespace.startsWith("karvdash-") && '
                        'request.namespace != "karvdash-system"',
                    }
                ],
                "failurePolicy": "Fail",
                "sideEffects": "NoneOnDryRun",
                "reinvocationPolicy": "IfNeeded",
                "timeoutSeconds": 5,
            }
        ],
    }


def test_cert_manager_takes_over() -> None:
    """It writes the bundle, so ours is not there to be fought over."""
    client = configuration.client_for_service("karvdash/karvdash-admission")
    made = configuration.manifest(client, prefix="karvdash-", release="karvdash", inject_from="karvdash/hook")
    assert made["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": "karvdash/hook"}
    assert "caBundle" not in made["webhooks"][0]["clientConfig"]


@pytest.mark.parametrize("prefix", ["", "-", 'a"', "A-", "a b"])
def test_prefixes_that_cannot_be_used(prefix: str) -> None:
    """An empty one would be every namespace, kube-system too."""
    with pytest.raises(KarvdashError, match="namespaces begin"):
        configuration.manifest({}, prefix=prefix, release="karvdash")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "one of the arguments --url --service --remove is required"),
        (["--url", "https://a"], "--cert-file and --key-file are needed"),
        (["--url", "https://a", "--service", "b/c"], "not allowed with argument"),
    ],
)
def test_command_lines_that_cannot_be_used(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program says what is missing."""
    with pytest.raises(SystemExit):
        parse(flags)
    assert message in capsys.readouterr().err
