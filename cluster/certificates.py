"""Certificates and kubeconfigs. Curve P-256: a key takes milliseconds where RSA takes tenths of seconds."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .addresses import Plan

_YEARS = 10
_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
_CA_USAGE = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Leaf:
    """One certificate to issue: file name, subject, and the names and addresses it is good for."""

    file: str
    common_name: str
    organization: str | None = None
    hosts: Sequence[str] = ()


def leaves(plan: Plan, node: str) -> list[Leaf]:
    """What the cluster's own CA issues. Users and groups are Kubernetes' own conventional names."""
    address = str(plan.node_address)
    api = ["localhost", "127.0.0.1", address, str(plan.api_service), "kubernetes", "kubernetes.default"]
    api += ["kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
    return [
        Leaf("apiserver", "kube-apiserver", hosts=api),
        Leaf("kubelet-server", node, hosts=[node, address, "127.0.0.1"]),
        Leaf("kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        Leaf("admin", "admin", "system:masters"),
        Leaf("controller-manager", "system:kube-controller-manager"),
        Leaf("scheduler", "system:kube-scheduler"),
        Leaf("node", f"system:node:{node}", "system:nodes"),
        Leaf("proxy", "system:kube-proxy"),
        Leaf("dns", "system:coredns"),
    ]


class Authority:
    """A certificate authority in two files, ``<name>.crt`` and ``<name>.key``, made on first use."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.certificate_file = folder / f"{name}.crt"
        if not self.certificate_file.exists():
            key = write_key(folder / f"{name}.key")
            _write(self.certificate_file, _pem(_self_signed(name, key)))
        self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
        self._key = _load_key(folder / f"{name}.key")

    def issue(self, leaf: Leaf) -> None:
        """Write ``<file>.crt`` and ``<file>.key``, unless they are there."""
        if (self.folder / f"{leaf.file}.crt").exists():
            return
        key = write_key(self.folder / f"{leaf.file}.key")
        builder = _builder(_name(leaf.common_name, leaf.organization), self._certificate.subject, key)
        usage = x509.ExtendedKeyUsage([_SERVER if leaf.hosts else _CLIENT])
        builder = builder.add_extension(usage, critical=False)
        # Python 3.13 verifies strictly (RFC 5280) and refuses certificates without key identifiers.
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if leaf.hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in leaf.hosts])
            builder = builder.add_extension(names, critical=False)
        _write(self.folder / f"{leaf.file}.crt", _pem(builder.sign(self._key, hashes.SHA256())))


def make_all(folder: Path, plan: Plan, node: str) -> None:
    """Everything the components need, in `folder`; what is there already stays."""
    authority = Authority(folder, "ca")
    for leaf in leaves(plan, node):
        authority.issue(leaf)
    # A second authority: whoever holds its certificates may name any user to extension API servers.
    Authority(folder, "front-proxy-ca").issue(Leaf("front-proxy-client", "front-proxy-client"))
    if not (folder / "sa.pub").exists():
        key = write_key(folder / "sa.key")
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        _write(folder / "sa.pub", key.public_key().public_bytes(encoding, form))


def kubeconfig(folder: Path, user: str, server: str, context: str) -> str:
    """A kubeconfig (JSON, which is YAML) that carries its certificates, so the file can be moved."""

    def data(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    credentials = {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")}
    cluster = {"server": server, "certificate-authority-data": data("ca.crt")}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": context, "cluster": cluster}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": user}}],
            "current-context": context,
        },
        indent=1,
    )


def write_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    _write(path, key.private_bytes(encoding, form, serialization.NoEncryption()))
    return key


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), f"{path} is not a key of ours"
    return key


def _self_signed(name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = _name(f"karvdash-hub {name}", None)
    builder = _builder(subject, subject, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_CA_USAGE, critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return builder.sign(key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    # An hour back: clocks of virtual machines jump.
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365 * _YEARS))
    )


def _name(common_name: str, organization: str | None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes) -> None:
    """Readable by root only from the first moment; whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
