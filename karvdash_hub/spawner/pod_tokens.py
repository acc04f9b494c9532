"""The token that a user's pods find in ``/var/lib/karvdash/config.ini``: narrow, and renewed before it ends.

JupyterHub keeps only a hash of it, and so do we: the token is derived from JupyterHub's cookie secret and a
random id in our database, so the Hub can write the same Secret again without having read or stored it.

    row of ours (id, end) ─┐
    cookie secret ─────────┴─► token ─► JupyterHub's row (hash, scopes, end) and Secret karvdash-api
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from jupyterhub import orm
from jupyterhub.utils import url_path_join

from karvdash_hub.durations import spell_moment
from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.contents import ApiAccess
from karvdash_hub.store import PodToken

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: What the token may do, all for its owner's things alone.
SCOPES = ("servers!user", "delete:servers!user", "read:users:name!user", "custom:karvdash:templates")
#: Marks the tokens in JupyterHub's database and on the owner's page of tokens.
NOTE = "config.ini in pods of the user namespace (made by the Hub)"
#: Part of its time that a token which was replaced stays valid: programs read the file when they start.
OVERLAP = 1 / 30
#: Seconds by which a clock may be set back without all tokens being made anew.
_CLOCK = 60.0
#: Seconds for which what was found is believed.
_FRESH = 30.0
#: Longest time in seconds between two looks at all tokens.
_ROUND = 300.0


class PodTokens:
    """The tokens of all users."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash
        self._lifetime = karvdash.user_namespaces.token_lifetime
        self._known: dict[str, tuple[float, ApiAccess]] = {}

    def access(self, username: str) -> ApiAccess | None:
        """Return what the user's ``config.ini`` has to say; a token that is used up is replaced first.

        Returns: None for somebody whom JupyterHub does not know yet, or whose account is inactive.
        """
        looked, known = self._known.get(username, (0.0, None))
        if known is not None and time.monotonic() - looked < _FRESH:
            return known
        user = orm.User.find(self._karvdash.app.db, username)
        if user is None or not self._karvdash.store.is_active(username):
            return None
        row = self._karvdash.store.pod_token(username)
        if row is None or not self._good(row):
            row = self._renew(user)
        access = ApiAccess(self._base_url, self._token(row), spell_moment(row.expires))
        self._known[username] = (time.monotonic(), access)
        return access

    def forget(self, username: str) -> None:
        """Forget a user who is removed; JupyterHub deletes the tokens with the user."""
        self._known.pop(username, None)

    async def keep_fresh(self) -> None:
        """Renew, for as long as the Hub lives, the tokens of users who have something running."""
        while True:
            await asyncio.sleep(min(_ROUND, self._lifetime / 10))
            for row in self._karvdash.store.pod_tokens():
                if not self._due(row.expires) or not self._karvdash.has_servers(row.username):
                    continue
                try:
                    self._known.pop(row.username, None)
                    await self._karvdash.ensure_namespace(row.username)
                except KarvdashError as error:
                    log.warning("Renewing the token of %r goes on later: %s", row.username, error)
                except Exception:
                    # One user's trouble must not cost the others their tokens.
                    log.exception("Renewing the token of %r failed", row.username)

    @property
    def _base_url(self) -> str:
        """The API as pods see it, without final slash: Karvdash's client appends ``/services/``."""
        return str(url_path_join(self._karvdash.app.hub.api_url, "karvdash"))

    def _due(self, expires: float) -> bool:
        """Tell whether a token is to be replaced, also because the setting is another one now."""
        left = expires - time.time()
        return not self._lifetime / 2 < left <= self._lifetime + _CLOCK

    def _good(self, row: PodToken) -> bool:
        if self._due(row.expires):
            return False
        # Its owner may have revoked it, and the cookie secret may be another one.
        found = orm.APIToken.find(self._karvdash.app.db, self._token(row), kind="user")
        return found is not None and found.user.name == row.username and set(found.scopes) == set(SCOPES)

    def _renew(self, user: orm.User) -> PodToken:
        """Make a new token and let those before it end soon."""
        karvdash, lifetime = self._karvdash, self._lifetime
        row = PodToken(user.name, str(uuid.uuid4()), time.time() + lifetime)
        # First: a token without a row would never be replaced.
        karvdash.store.set_pod_token(row)
        user.new_api_token(token=self._token(row), note=NOTE, scopes=list(SCOPES), expires_in=lifetime)
        soon = orm.APIToken.now() + timedelta(seconds=lifetime * OVERLAP)
        new = orm.APIToken.find(karvdash.app.db, self._token(row), kind="user")
        for token in user.api_tokens:
            if token.note == NOTE and token is not new:
                token.expires_at = min(token.expires_at or soon, soon)
        karvdash.app.db.commit()
        log.info("Made a new token for the pods of %r, valid until %s", user.name, spell_moment(row.expires))
        return row

    def _token(self, row: PodToken) -> str:
        # Lower-case hex: Karvdash's client turns tokens to lower case.
        message = f"karvdash-api\0{row.username}\0{row.id}".encode()
        return hmac.new(self._karvdash.app.cookie_secret, message, hashlib.sha256).hexdigest()
