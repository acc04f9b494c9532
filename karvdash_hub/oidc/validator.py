"""What oauthlib's grants ask: is this client, this code, this token good, and what is to be kept?

Each method answers one question that oauthlib's grant types have; which paragraph of RFC 6749 it stands for
is in oauthlib's ``RequestValidator``. Who signs in, and whether consent is needed, is decided in ``steps``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors
from oauthlib.openid import RequestValidator

from karvdash_hub.oidc.claims import claims_of
from karvdash_hub.oidc.clients import is_secret
from karvdash_hub.oidc.credentials import presented
from karvdash_hub.oidc.model import Access, Client, Code, Family, Lifetimes, Refresh, digest
from karvdash_hub.oidc.rows import People, Rows, Signer

log = logging.getLogger("jupyterhub.karvdash")


class Validator(RequestValidator):  # type: ignore[misc]
    """The answers, from rows, people and keys."""

    def __init__(
        self,
        issuer: str,
        rows: Rows,
        people: People,
        signer: Signer,
        lifetimes: Lifetimes,
        clock: Callable[[], float],
    ) -> None:
        super().__init__()
        self._issuer = issuer
        self._rows = rows
        self._people = people
        self._signer = signer
        self._lifetimes = lifetimes
        self._clock = clock

    # --- clients -------------------------------------------------------------------------

    def validate_client_id(self, client_id: str, request: Request) -> bool:
        """At the authorization endpoint the id is all there is."""
        request.client = self._rows.client(client_id)
        return request.client is not None

    def client_authentication_required(self, request: Request) -> bool:
        """Everybody has to prove it who has something to prove it with, RFC 6749 3.2.1."""
        client = self._rows.client(presented(request).client_id)
        return client is None or not client.public

    def authenticate_client(self, request: Request) -> bool:
        """RFC 6749 2.3.1, by header or by form."""
        who = presented(request)
        client = self._rows.client(who.client_id)
        if client is None or client.public or not is_secret(client, who.secret):
            return False
        return self._is(client, request)

    def authenticate_client_id(self, client_id: str | None, request: Request) -> bool:
        """A public client only says who it is; one that sends a secret takes itself for another kind."""
        who = presented(request)
        client = self._rows.client(who.client_id)
        if client is None or not client.public or who.secret:
            return False
        return self._is(client, request)

    def _is(self, client: Client, request: Request) -> bool:
        request.client, request.client_id = client, client.client_id
        return True

    # --- authorize -----------------------------------------------------------------------

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, request: Request) -> bool:
        """RFC 9700 2.1: equal as text, nothing less."""
        return redirect_uri in request.client.redirect_uris

    def get_default_redirect_uri(self, client_id: str, request: Request) -> None:
        """OpenID Connect Core 3.1.2.1: the redirect URI is required."""

    def validate_response_type(self, *_: Any) -> bool:
        """``checks.code_flow`` has looked."""
        return True

    def is_pkce_required(self, client_id: str, request: Request) -> bool:
        """RFC 9700 2.1.1: of public clients."""
        return bool(request.client.public)

    def get_default_scopes(self, client_id: str, request: Request) -> list[str]:
        """``checks.openid_asked`` has looked."""
        return []

    def validate_scopes(self, *_: Any) -> bool:
        """``checks.openid_asked`` has looked."""
        return True

    def validate_silent_login(self, request: Request) -> bool:
        """``steps.next_step`` decides."""
        return True

    validate_silent_authorization = validate_silent_login

    def validate_user_match(self, *_: Any) -> bool:
        """``steps.next_step`` decides."""
        return True

    def save_authorization_code(self, client_id: str, code: dict[str, str], request: Request) -> None:
        """Keep the code with everything that its exchange has to match."""
        self._rows.add_code(
            Code(
                digest=digest(code["code"]),
                family=request.family,
                client_id=client_id,
                username=request.user.username,
                redirect_uri=request.redirect_uri,
                scopes=tuple(request.scopes),
                nonce=request.nonce,
                challenge=request.code_challenge,
                auth_time=int(request.auth_time),
                expires=self._clock() + self._lifetimes.code,
            )
        )

    # --- token ---------------------------------------------------------------------------

    def validate_grant_type(self, *_: Any) -> bool:
        """``checks.grant_is_known`` has looked; every client may use both."""
        return True

    def validate_code(self, client_id: str, code: str, client: Client, request: Request) -> bool:
        """RFC 6749 4.1.3 and 10.5. A second use ends what the first one got."""
        found = self._rows.code(digest(code))
        if found is None or found.client_id != client_id:
            return False
        if found.used:
            log.warning("Client %s used a code of %r twice; its tokens end", client_id, found.username)
            self._rows.end_family(found.family)
            return False
        if found.expires <= self._clock():
            return False
        # Compared here and not in confirm_redirect_uri, for which oauthlib answers invalid_request:
        # RFC 6749 5.2 says invalid_grant. A missing one is oauthlib's to refuse.
        if request.redirect_uri is not None and request.redirect_uri != found.redirect_uri:
            return False
        return self._about(found.username, found.scopes, found, request)

    def _about(
        self, username: str, scopes: tuple[str, ...], granted: Code | Refresh, request: Request
    ) -> bool:
        request.user, request.scopes, request.granted = self._people.person(username), list(scopes), granted
        return request.user is not None

    def get_code_challenge(self, code: str, request: Request) -> str | None:
        """RFC 7636 4.6."""
        challenge: str | None = request.granted.challenge
        return challenge

    def get_code_challenge_method(self, code: str, request: Request) -> str:
        """``checks.challenge_is_s256`` lets no other in."""
        return "S256"

    def confirm_redirect_uri(self, *_: Any) -> bool:
        """``validate_code`` has compared it."""
        return True

    def get_authorization_code_nonce(
        self, client_id: str, code: str, redirect_uri: str, request: Request
    ) -> str | None:
        """OpenID Connect Core 3.1.3.6: what the client sent."""
        nonce: str | None = request.granted.nonce
        return nonce

    def validate_refresh_token(self, refresh_token: str, client: Client, request: Request) -> bool:
        """RFC 6749 section 6; RFC 9700 4.14.2: a second use ends the whole family."""
        found = self._rows.refresh(digest(refresh_token), self._clock())
        if found is None or found.family.client_id != client.client_id:
            return False
        if found.used:
            name = found.family.username
            log.warning("Client %s used a refresh token of %r twice; its tokens end", client.client_id, name)
            self._rows.end_family(found.family.id)
            return False
        return self._about(found.family.username, found.family.scopes, found, request)

    def get_original_scopes(self, refresh_token: str, request: Request) -> list[str]:
        """What the person allowed at first."""
        return list(request.granted.family.scopes)

    def save_bearer_token(self, token: dict[str, Any], request: Request) -> None:
        """Use code or refresh token up, and keep the new tokens, or none of it."""
        now, granted = self._clock(), request.granted
        family = granted.family if isinstance(granted, Refresh) else self._family(granted, now)
        ends = now + self._lifetimes.access
        access = Access(digest(token["access_token"]), family, tuple(request.scopes), ends)
        refresh = digest(token["refresh_token"])
        if isinstance(granted, Refresh):
            kept = self._rows.rotate(granted.digest, access, refresh, now)
        else:
            kept = self._rows.redeem(granted.digest, family, access, refresh)
        if not kept:  # by another process of the same database, a moment ago
            self._rows.end_family(family.id)
            raise errors.InvalidGrantError(request=request)

    def _family(self, code: Code, now: float) -> Family:
        ends = now + self._lifetimes.family
        return Family(code.family, code.client_id, code.username, code.scopes, code.auth_time, now, now, ends)

    def invalidate_authorization_code(self, *_: Any) -> None:
        """``save_bearer_token`` has used it up."""

    def finalize_id_token(
        self, id_token: dict[str, Any], token: dict[str, Any], handler: Any, request: Request
    ) -> str:
        """Add to ``aud``, ``iat``, ``nonce`` and ``at_hash`` what Core section 2 asks for, and sign it."""
        granted = request.granted
        now = int(self._clock())
        times = {"iat": now, "exp": now + self._lifetimes.id_token}
        auth_time = granted.family.auth_time if isinstance(granted, Refresh) else granted.auth_time
        about = claims_of(request.user, request.scopes)
        return self._signer.sign({"iss": self._issuer, **about, **id_token, **times, "auth_time": auth_time})

    # --- userinfo, revocation, introspection ---------------------------------------------

    def validate_bearer_token(self, token: str | None, scopes: list[str], request: Request) -> bool:
        """RFC 6750; a token is as good as the account of its person."""
        found = self._rows.access(digest(token), self._clock()) if token else None
        if found is None:
            return False
        request.user, request.scopes = self._people.person(found.family.username), list(found.scopes)
        return request.user is not None

    def get_userinfo_claims(self, request: Request) -> dict[str, Any]:
        """OpenID Connect Core 5.3.2."""
        return claims_of(request.user, request.scopes)

    def revoke_token(self, token: str, hint: str | None, request: Request) -> None:
        """RFC 7009 2.1: a refresh token takes its access tokens along; others' tokens are left alone."""
        now, mark, asker = self._clock(), digest(token), request.client_id
        refresh, access = self._rows.refresh(mark, now), self._rows.access(mark, now)
        if refresh is not None and refresh.family.client_id == asker:
            self._rows.end_family(refresh.family.id)
        if access is not None and access.family.client_id == asker:
            self._rows.end_access(mark)

    def introspect_token(self, token: str, hint: str | None, request: Request) -> dict[str, Any] | None:
        """RFC 7662 2.2, of a client's own tokens; of all others nobody learns anything."""
        now, mark = self._clock(), digest(token)
        access, refresh = self._rows.access(mark, now), self._rows.refresh(mark, now)
        if access is not None:
            family, scopes, ends = access.family, access.scopes, access.expires
        elif refresh is not None and not refresh.used:
            family, scopes, ends = refresh.family, refresh.family.scopes, refresh.family.expires
        else:
            return None
        person = self._people.person(family.username)
        if person is None or family.client_id != request.client_id:
            return None
        return {
            "scope": " ".join(scopes),
            "client_id": family.client_id,
            "username": person.username,
            "sub": person.subject,
            "iss": self._issuer,
            "exp": int(ends),
            **({"token_type": "Bearer"} if access is not None else {}),
        }
