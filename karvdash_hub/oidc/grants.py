"""The endpoints without HTTP: parameters in, answer out. oauthlib's grants, composed.

There are two grants, code and refresh. ``oauthlib.openid.Server`` would switch implicit, password, client
credentials and device on as well.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from oauthlib.common import Request, add_params_to_uri
from oauthlib.oauth2.rfc6749 import errors
from oauthlib.oauth2.rfc6749.endpoints import IntrospectEndpoint, RevocationEndpoint
from oauthlib.oauth2.rfc6749.tokens import BearerToken
from oauthlib.openid.connect.core.endpoints.userinfo import UserInfoEndpoint
from oauthlib.openid.connect.core.grant_types import AuthorizationCodeGrant, RefreshTokenGrant

from karvdash_hub.oidc import checks
from karvdash_hub.oidc.checks import Pairs
from karvdash_hub.oidc.model import Lifetimes, Person, new_secret
from karvdash_hub.oidc.validator import Validator

#: RFC 6749 5.1 and OpenID Connect Core 3.1.3.3.
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_JSON = {"Content-Type": "application/json", **NO_STORE}


class Answer(NamedTuple):
    """A response; the body is JSON."""

    status: int
    headers: Mapping[str, str]
    body: str


class Grants:
    """What each endpoint does."""

    def __init__(self, issuer: str, validator: Validator, lifetimes: Lifetimes) -> None:
        self._issuer = issuer
        self._bearer = BearerToken(validator, lambda _: new_secret(), lifetimes.access)
        self._code = AuthorizationCodeGrant(
            validator,
            pre_auth=[_as_validator(check) for check in checks.AUTHORIZE],
            post_token=list(checks.CODE),
        )
        refresh = RefreshTokenGrant(validator)
        self._grants = {"authorization_code": self._code, "refresh_token": refresh}
        self._validator = validator
        self._userinfo = UserInfoEndpoint(validator)
        self._revocation = RevocationEndpoint(validator)
        self._introspection = IntrospectEndpoint(validator)

    # --- authorize -----------------------------------------------------------------------

    def authorize(self, pairs: Pairs) -> Request:
        """Read an authorization request.

        Raises: FatalClientError when the person has to be told, because client or redirect URI are not
            right; any other OAuth2Error when the client has to be told, see ``refuse``.
        """
        request = _request(pairs, checks.AUTHORIZE_PARAMETERS)
        checks.run(checks.FIRST, request)
        self._code.validate_authorization_request(request)
        return request

    def approve(self, request: Request, person: Person, auth_time: float) -> str:
        """Give out a code; return the address to send the browser to. RFC 6749 4.1.2, RFC 9207."""
        request.user, request.auth_time, request.family = person, auth_time, str(uuid.uuid4())
        given = self._code.create_authorization_code(request)
        self._validator.save_authorization_code(request.client_id, given, request)
        answer = {**given, "iss": self._issuer}
        return str(add_params_to_uri(request.redirect_uri, list(answer.items())))

    def refuse(self, error: errors.OAuth2Error) -> str:
        """Return the address by which a client learns of an error. RFC 6749 4.1.2.1, RFC 9207."""
        return str(add_params_to_uri(error.redirect_uri, [*error.twotuples, ("iss", self._issuer)]))

    # --- token ---------------------------------------------------------------------------

    def token(self, pairs: Pairs, headers: Mapping[str, str]) -> Answer:
        """Exchange a code or a refresh token. RFC 6749 4.1.3 and section 6."""
        request = _request(pairs, checks.TOKEN_PARAMETERS, headers)
        try:
            checks.run(checks.TOKEN, request)
            grant = self._grants[request.grant_type]
            _, body, status = grant.create_token_response(request, self._bearer)
        except errors.OAuth2Error as error:
            return failed(error)
        return Answer(status, {**_JSON, **_challenge(body if status == 401 else "")}, body)

    # --- the rest ------------------------------------------------------------------------

    def revoke(self, pairs: Pairs, headers: Mapping[str, str]) -> Answer:
        """Make a token worthless. RFC 7009."""
        return self._form(self._revocation.create_revocation_response, pairs, headers)

    def introspect(self, pairs: Pairs, headers: Mapping[str, str]) -> Answer:
        """Tell a client about a token of its own. RFC 7662; public clients cannot prove that it is theirs."""
        return self._form(self._introspection.create_introspect_response, pairs, headers, confidential=True)

    def _form(
        self,
        endpoint: Callable[..., Any],
        pairs: Pairs,
        headers: Mapping[str, str],
        *,
        confidential: bool = False,
    ) -> Answer:
        request = _request(pairs, checks.FORM_PARAMETERS, headers)
        try:
            checks.run(checks.FORM, request)
            if confidential and not self._validator.client_authentication_required(request):
                raise errors.InvalidClientError("Public clients may not ask.")
        except errors.OAuth2Error as error:
            return failed(error)
        _, body, status = endpoint("", "POST", request.body, dict(headers))
        return Answer(status, {**_JSON, **_challenge(body if status == 401 else "")}, body)

    def userinfo(self, token: str | None) -> Answer:
        """Say who the person of an access token is. OpenID Connect Core 5.3, RFC 6750."""
        if token is None:
            # RFC 6750 3.1: who sends no token at all is told nothing but how.
            return Answer(401, {**_JSON, "WWW-Authenticate": "Bearer"}, "{}")
        try:
            _, body, status = self._userinfo.create_userinfo_response(
                "", headers={"Authorization": f"Bearer {token}"}
            )
        except errors.OAuth2Error as error:
            return Answer(error.status_code, {**_JSON, **error.headers}, error.json)
        return Answer(status, _JSON, body)


def failed(error: errors.OAuth2Error) -> Answer:
    """Answer with an error. RFC 6749 5.2."""
    body = error.json
    return Answer(error.status_code, {**_JSON, **_challenge(body if error.status_code == 401 else "")}, body)


def _challenge(body: str) -> dict[str, str]:
    """RFC 6749 5.2: with 401 goes the scheme by which clients authenticate (oauthlib says Bearer)."""
    return {"WWW-Authenticate": 'Basic realm="OpenID Connect clients"'} if body else {}


def _request(pairs: Pairs, known: Iterable[str], headers: Mapping[str, str] | None = None) -> Request:
    # As text: of a list oauthlib makes a dictionary, and what is there twice would be there once.
    return Request("", "POST", urlencode(checks.given(pairs, known)), dict(headers or {}))


def _as_validator(check: checks.Check) -> Callable[[Request], dict[str, Any]]:
    def validator(request: Request) -> dict[str, Any]:
        check(request)
        return {}

    return validator
