"""Keys and certificates of the admission server, in files: a small authority of its own, and what it signs.

    ca.crt, ca.key            signs now
    next.crt, next.key        will sign; already trusted, so that its first certificate is accepted everywhere
    next.since                since when Kubernetes has known of it (Unix time)
    former.crt                signed until lately; trusted until it ends
    <cert-file>, <key-file>   what the server shows

Every file is replaced at once, never written in place. Keys are readable by their owner only.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SUBJECT = "karvdash-hub admission"
_CA_USAGE = x509.KeyUsage(
    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
    key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
    decipher_only=False,
)  # fmt: skip
#: Clocks differ.
_BACKDATED = datetime.timedelta(minutes=10)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def ends(self) -> float:
        """Unix time at which it expires."""
        return self.certificate.not_valid_after_utc.timestamp()

    @property
    def begins(self) -> float:
        """Unix time from which it is valid."""
        return self.certificate.not_valid_before_utc.timestamp()

    @property
    def pem(self) -> bytes:
        """The certificate as text."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as text."""
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(encoding, form, serialization.NoEncryption())

    def issued(self, other: Pair) -> bool:
        """Whether ``other`` was signed by this one."""
        try:
            other.certificate.verify_directly_issued_by(self.certificate)
        except (InvalidSignature, TypeError, ValueError):
            return False
        return True

    def good_for(self, hosts: Sequence[str]) -> bool:
        """Whether it names exactly these hosts and addresses."""
        found = self.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return list(found) == [_general_name(host) for host in hosts]


def make_authority(now: float, seconds: float) -> Pair:
    """Make a key and a certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    number = x509.random_serial_number()
    # With its number, because two authorities of one name confuse who verifies.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{_SUBJECT} {number & 0xFFFFFFFF:08x}")])
    builder = _builder(subject, subject, key, now, seconds, number)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_CA_USAGE, critical=True)
    return Pair(builder.sign(key, hashes.SHA256()), key)


def make_leaf(authority: Pair, hosts: Sequence[str], now: float, seconds: float) -> Pair:
    """Make a server's key and certificate for these names and addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _SUBJECT)])
    builder = _builder(subject, authority.certificate.subject, key, now, seconds, x509.random_serial_number())
    names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def read(cert_file: Path, key_file: Path) -> Pair | None:
    """Read a pair; None when it is missing, damaged, or one does not belong to the other."""
    try:
        certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return Pair(certificate, key)


def read_trusted(path: Path, now: float) -> bytes:
    """Read the certificates of a file that have not expired, as PEM."""
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return b""
    living = (one for one in found if one.not_valid_after_utc.timestamp() > now)
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in living)


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file at once; it has this mode from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: float,
    seconds: float,
    number: int,
) -> x509.CertificateBuilder:
    start = datetime.datetime.fromtimestamp(now, datetime.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(number)
        .not_valid_before(start - _BACKDATED)
        .not_valid_after(start + datetime.timedelta(seconds=seconds))
        .add_extension(identifier, critical=False)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return x509.DNSName(host)
