"""The OpenID Connect provider of one Hub: the rules of ``oidc`` over the store, with people and keys.

    handlers/oidc_*.py ──► Provider.grants ──► oidc/* ──► Store.oidc
                                             └─► Provider.person, Provider.sign

The private keys rest in the database. They are made here, in a thread, and rotated once an hour if it is
time; ``rotate`` does it at once, also from another process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy.exc import SQLAlchemyError

from karvdash_hub.errors import KarvdashError, Unavailable
from karvdash_hub.oidc import keys
from karvdash_hub.oidc.grants import Grants
from karvdash_hub.oidc.model import Lifetimes, Person
from karvdash_hub.oidc.validator import Validator
from karvdash_hub.oidc_settings import OIDCProvider
from karvdash_hub.store import Store

log = logging.getLogger("jupyterhub.karvdash")

#: Seconds between two looks at keys and at what has expired.
INTERVAL = 3600.0
#: The group of administrators. A group of JupyterHub with this name makes nobody one.
ADMIN_GROUP = "admin"


class Provider:
    """What the handlers use.

    Attributes:
        issuer: address of the provider, ``iss`` of its tokens.
        grants: the endpoints.
    """

    def __init__(
        self,
        issuer: str,
        settings: OIDCProvider,
        store: Store,
        membership: Callable[[str], tuple[bool, frozenset[str]] | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Args: membership: of ``spawner.records.Records``."""
        self.issuer = issuer
        self.enabled = bool(settings.enabled)
        self._store = store
        self._membership = membership
        self._clock = clock
        self._policy = policy_of(settings)
        self._keys: dict[str, RSAPrivateKey] = {}
        self._ready = asyncio.Lock()
        lifetimes = Lifetimes(
            code=settings.code_lifetime,
            access=settings.access_token_lifetime,
            id_token=settings.id_token_lifetime,
            family=settings.refresh_token_lifetime,
        )
        self.grants = Grants(issuer, Validator(issuer, store.oidc, self, self, lifetimes, clock), lifetimes)
        # With JupyterHub's --debug it would write codes and tokens into the log.
        logging.getLogger("oauthlib").setLevel(logging.INFO)

    def now(self) -> float:
        """Return the time, Unix seconds."""
        return self._clock()

    # --- people --------------------------------------------------------------------------

    def person(self, username: str) -> Person | None:
        """Return who somebody is now; None when the account is gone or not active."""
        found = self._membership(username)
        if found is None or not self._store.is_active(username):
            return None
        admin, groups = found[0], found[1] - {ADMIN_GROUP}
        claim = self._store.namespace_of(username)
        return Person(
            username=username,
            subject=self._store.oidc.subject(username),
            email=self._store.people.profile(username).email,
            groups=tuple(sorted(groups | ({ADMIN_GROUP} if admin else set()))),
            namespace=claim.namespace if claim else "",
        )

    # --- keys ----------------------------------------------------------------------------

    async def ready(self) -> None:
        """Return when there is a key to sign with."""
        if not self._store.oidc.signing_keys():
            await self._keep_keys()

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a JWT, signed with the key whose turn it is."""
        kid = keys.plan(self._store.oidc.signing_keys(), self._clock(), self._policy).signing
        if kid is None or (key := self._key(kid)) is None:
            raise Unavailable("There is no signing key yet. Try again in a moment.", "oidc-key")
        return keys.sign(claims, kid, key)

    def jwks(self) -> list[dict[str, Any]]:
        """Return the public keys, the newest last."""
        published = keys.plan(self._store.oidc.signing_keys(), self._clock(), self._policy).published
        return [keys.jwk(kid, key) for kid in published if (key := self._key(kid)) is not None]

    def hint(self, token: str) -> dict[str, Any] | None:
        """Return the claims of an ID token of ours, expired or not; None if it is not one."""
        return keys.read_hint(token, self.jwks(), self.issuer)

    def _key(self, kid: str) -> RSAPrivateKey | None:
        if kid not in self._keys:
            pem = self._store.oidc.private_key(kid)
            if pem is None:
                return None
            self._keys[kid] = keys.load(pem)
        return self._keys[kid]

    async def run(self) -> None:
        """Keep keys and tables in order for as long as the Hub lives."""
        while self.enabled:
            try:
                await self._keep_keys()
                self._store.oidc.purge(self._clock())
            except (KarvdashError, SQLAlchemyError) as error:
                log.warning("OpenID Connect: keys and expired tokens are looked at later: %s", error)
            await asyncio.sleep(INTERVAL)

    async def _keep_keys(self) -> None:
        async with self._ready:
            known = self._store.oidc.signing_keys()
            todo = keys.plan(known, self._clock(), self._policy)
            for kid in todo.forget:
                self._store.oidc.remove_key(kid)
            if todo.make is not None:
                kid, pem = await asyncio.to_thread(keys.new_key)
                self._store.oidc.add_key(kid, pem, todo.make)
                log.info("OpenID Connect: made the signing key %s", kid)
            self._keys = {kid: key for kid, key in self._keys.items() if kid not in todo.forget}


def policy_of(settings: OIDCProvider) -> keys.Policy:
    """Say when keys take over from each other; a former one is published while its tokens are good."""
    day = 86400.0
    return keys.Policy(settings.key_lifetime, day, settings.id_token_lifetime + day)


def rotate(store: Store, settings: OIDCProvider, now: float, *, at_once: bool = False) -> str:
    """Make the next signing key, for a Hub that runs or not; return its id.

    Args:
        at_once: sign with it from now on and forget the others, whose tokens are worthless then: for a key
            that somebody has got hold of. Otherwise it signs when all clients have had time to read it.
    """
    kid, pem = keys.new_key()
    former = store.oidc.signing_keys()
    store.oidc.add_key(kid, pem, now if at_once else now + policy_of(settings).lead)
    if at_once:
        for one, _ in former:
            store.oidc.remove_key(one)
    return kid
