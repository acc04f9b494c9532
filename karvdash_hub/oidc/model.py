"""The provider's words: what is registered, granted and handed out. No secret itself is in any of them.

Codes and tokens are random texts that the client keeps; here and in the database there are their digests.
Times are Unix seconds.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal

#: Who registered a client. Those of the configuration come and go with it.
Source = Literal["configuration", "page", "api", "command"]
#: The scopes we know, RFC 6749 3.3 and OpenID Connect Core 5.4; others are ignored, as 3.1.2.1 asks.
SCOPES = ("openid", "profile", "email", "groups")


@dataclass(frozen=True)
class Client:
    """An application that may sign people in, RFC 6749 section 2.

    Attributes:
        client_id: in the client's configuration, and ``aud`` of its ID tokens.
        name: what people read on the consent page.
        redirect_uris: where the browser may be sent back to; compared as text, RFC 9700 2.1.
        secret_hash: ``digest`` of the secret; "" for a public client.
        public: has no secret, because it runs in a browser or on people's machines; PKCE is required then.
        first_party: people are not asked for consent.
        post_logout_redirect_uris: where the browser may go after signing out.
        source: who registered it.
        secret_place: ``namespace/name`` of the Kubernetes Secret that holds id and secret; "" for none.
        created: Unix seconds.
    """

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    secret_hash: str = ""
    public: bool = False
    first_party: bool = True
    post_logout_redirect_uris: tuple[str, ...] = ()
    source: Source = "page"
    secret_place: str = ""
    created: float = 0.0


@dataclass(frozen=True)
class Code:
    """An authorization code, RFC 6749 4.1.2, and everything that its token request has to match.

    Attributes:
        digest: of the code.
        family: id that the tokens issued for it will have, so that a replay can end them.
        challenge: PKCE, always S256 (RFC 7636); None if the client sent none.
        auth_time: when the person signed in.
        used: whether tokens have been issued for it.
    """

    digest: str
    family: str
    client_id: str
    username: str
    redirect_uri: str
    scopes: tuple[str, ...]
    nonce: str | None
    challenge: str | None
    auth_time: int
    expires: float
    used: bool = False


@dataclass(frozen=True)
class Family:
    """One sign-in of a person at an application: all tokens that go back to one code.

    Attributes:
        used: when tokens were last issued.
        expires: end of the last refresh token, however often it is renewed.
    """

    id: str
    client_id: str
    username: str
    scopes: tuple[str, ...]
    auth_time: int
    started: float
    used: float
    expires: float


@dataclass(frozen=True)
class Refresh:
    """A refresh token of a family. One that was used before is a copy in the wrong hands, RFC 9700 4.14.2."""

    digest: str
    family: Family
    used: bool


@dataclass(frozen=True)
class Access:
    """An access token of a family; ``scopes`` may be fewer than the family's (RFC 6749 section 6)."""

    digest: str
    family: Family
    scopes: tuple[str, ...]
    expires: float


@dataclass(frozen=True)
class Consent:
    """What a person has allowed a client that is not first-party."""

    username: str
    client_id: str
    scopes: tuple[str, ...]
    given: float


@dataclass(frozen=True)
class Grant:
    """That a person is signed in at a client: since when, and when tokens were last issued."""

    client: Client
    since: float
    used: float


@dataclass(frozen=True)
class Person:
    """Whom claims are about.

    Attributes:
        subject: ``sub``: never given to anybody else, not even to a later user of the same name.
        groups: the Hub's groups, and ``admin`` for administrators.
        namespace: the person's namespace, "" before there is one.
    """

    username: str
    subject: str
    email: str | None
    groups: tuple[str, ...]
    namespace: str


@dataclass(frozen=True)
class Lifetimes:
    """Seconds. A code has to be exchanged at once (RFC 6749 4.1.2: 10 minutes at most)."""

    code: float = 60.0
    access: int = 3600
    id_token: int = 3600
    family: float = 14 * 86400.0


def new_secret() -> str:
    """Make a code, a token or a client's secret: 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored of a code, a token or a client's secret.

    Plain SHA-256 is enough for random texts, which nobody can guess.
    """
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
