"""Signing keys, RS256 (RFC 7518 3.3), and when one takes over from the other. Pure.

A key is published before it signs, so that clients that keep the JWKS know it in time, and for as long after
it signed as its tokens are good:

    published ──lead──► signs ──period──► the next one signs ──overlap──► forgotten
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from jwt.types import Options

ALGORITHM = "RS256"
_BITS = 2048
_HINT: Options = {
    "require": ["sub", "aud", "iss"],
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True)
class Policy:
    """Seconds. ``lead`` is longer than clients may keep the JWKS, ``overlap`` than an ID token lives."""

    period: float = 90 * 86400.0
    lead: float = 86400.0
    overlap: float = 86400.0


@dataclass(frozen=True)
class Plan:
    """What to do with the keys now.

    Attributes:
        signing: id of the key that signs; None while there is no key at all.
        published: ids of the keys in the JWKS.
        make: time from which a key that is to be made now will sign; None for no new key.
        forget: ids of keys that nobody needs any more.
    """

    signing: str | None
    published: tuple[str, ...]
    make: float | None
    forget: tuple[str, ...]


def plan(keys: Iterable[tuple[str, float]], now: float, policy: Policy) -> Plan:
    """Say which key signs, and which are due.

    Args:
        keys: id of each, and the time from which it signs (Unix seconds).
    """
    ordered = sorted(keys, key=lambda key: key[1])
    if not ordered:
        return Plan(None, (), now, ())
    begun = [key for key in ordered if key[1] <= now]
    # A clock that was put back: the oldest key is the one that clients know.
    signing, since = begun[-1] if begun else ordered[0]
    ends = since + policy.period
    due = begun == ordered and now >= ends - policy.lead
    after = itertools.pairwise(begun)
    forget = tuple(old[0] for old, new in after if new[1] + policy.overlap <= now)
    published = tuple(kid for kid, _ in ordered if kid not in forget)
    return Plan(signing, published, max(now + policy.lead, ends) if due else None, forget)


def new_key() -> tuple[str, str]:
    """Make a key; return its id and itself as PEM. Takes some 0.2 s: call it in a thread."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return thumbprint(key), pem.decode()


def load(pem: str) -> rsa.RSAPrivateKey:
    """Read a key. Raises: ValueError."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("a signing key in the database is not an RSA key")
    return key


def thumbprint(key: rsa.RSAPrivateKey) -> str:
    """Name a key by what it is, RFC 7638."""
    # The required members in lexicographic order, without spaces.
    text = json.dumps(_public(key), separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def jwk(kid: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """Return the public half, RFC 7517 section 4."""
    return {"kid": kid, "use": "sig", "alg": ALGORITHM, **_public(key)}


def sign(claims: Mapping[str, Any], kid: str, key: rsa.RSAPrivateKey) -> str:
    """Return a JWT, RFC 7515."""
    return jwt.encode(dict(claims), key, ALGORITHM, headers={"kid": kid})


def read_hint(token: str, jwks: Sequence[Mapping[str, Any]], issuer: str) -> dict[str, Any] | None:
    """Return the claims of an ID token of ours that comes back as a hint, or None if it is not one.

    Signature, algorithm, key and issuer count. One that has expired is a hint all the same, OpenID Connect
    RP-Initiated Logout section 2; its times are not looked at.
    """
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        key = next(jwt.PyJWK(dict(one), ALGORITHM) for one in jwks if one["kid"] == kid)
        claims: dict[str, Any] = jwt.decode(token, key, [ALGORITHM], issuer=issuer, options=_HINT)
    except (jwt.PyJWTError, StopIteration, ValueError):
        return None
    return claims


def _public(key: rsa.RSAPrivateKey) -> dict[str, str]:
    parts = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: str(parts[name]) for name in ("kty", "n", "e")}
