"""What is looked at in a request before oauthlib looks at it. Pure: one check, one small function.

A check gets oauthlib's ``Request`` and raises an ``OAuth2Error``, or returns. The lists at the end are all
of them, in order. Core is OpenID Connect Core 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors
from oauthlib.openid.connect.core import exceptions

from karvdash_hub.oidc.credentials import authorization
from karvdash_hub.oidc.model import SCOPES

Check = Callable[[Request], None]
Pairs = Sequence[tuple[str, str]]

#: Longest value of a parameter, and longest of all together (characters). A code, a verifier or a state is
#: far shorter; an ID token as a hint has some 1,500.
LONGEST_VALUE, LONGEST_REQUEST = 4096, 16384
#: Core 3.1.2.1; ``select_account`` is answered like ``login``.
PROMPTS = frozenset({"none", "login", "consent", "select_account"})
#: RFC 7636 4.1 and, for S256, 4.2: 32 bytes in base64url.
_VERIFIER, _CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}"), re.compile(r"[A-Za-z0-9_-]{43}")


def run(checks: Iterable[Check], request: Request) -> None:
    """Make all checks. Raises: OAuth2Error."""
    for check in checks:
        check(request)


def given(pairs: Pairs, known: Iterable[str]) -> list[tuple[str, str]]:
    """Leave out parameters without a value, as RFC 6749 3.1 asks, and unknown ones, as 3.1 and 3.2 ask."""
    return [(key, value) for key, value in pairs if value and key in known]


# --- both ------------------------------------------------------------------------------------


def each_once(request: Request) -> None:
    """RFC 6749 3.1 and 3.2: parameters must not be included more than once."""
    if repeated := request.duplicate_params:
        raise errors.InvalidRequestError(f"Duplicate {sorted(repeated)[0]} parameter.", request=request)


def short_enough(request: Request) -> None:
    """Ours: nothing is kept, signed or sent on that has no bound."""
    pairs: Pairs = request.decoded_body or []
    total = sum(len(key) + len(value) for key, value in pairs)
    longest = max(pairs, key=lambda pair: len(pair[1]), default=("", ""))
    if len(longest[1]) > LONGEST_VALUE:
        raise errors.InvalidRequestFatalError(
            f"The {longest[0]} parameter has more than {LONGEST_VALUE} characters.", request=request
        )
    if total > LONGEST_REQUEST:
        raise errors.InvalidRequestFatalError(
            f"The request has more than {LONGEST_REQUEST} characters.", request=request
        )


def printable(request: Request) -> None:
    """RFC 6749 appendix A: parameters that come back in addresses and tokens have no control characters."""
    for key, value in request.decoded_body or []:
        if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
            raise errors.InvalidRequestFatalError(f"The {key} parameter has control characters.")


# --- authorize -------------------------------------------------------------------------------


def code_flow(request: Request) -> None:
    """Core 3.1.2.1: response_type is required; we have the code flow only."""
    if request.response_type is None:
        raise errors.MissingResponseTypeError(request=request)
    if request.response_type != "code":
        raise errors.UnsupportedResponseTypeError(request=request)


def answered_in_query(request: Request) -> None:
    """OAuth 2.0 Multiple Response Types 2.1: of the modes we have ``query``, the code flow's own."""
    if request.response_mode not in (None, "query"):
        # Otherwise oauthlib would answer in the mode that was asked for.
        request.response_mode = "query"
        raise errors.InvalidRequestError("The response_mode is not supported.", request=request)


def no_request_object(request: Request) -> None:
    """Core 3.1.2.6, 6.1, 6.2 and 7.2.1: parameters come in the address."""
    if getattr(request, "request", None):
        raise exceptions.RequestNotSupported(request=request)
    if getattr(request, "request_uri", None):
        raise exceptions.RequestURINotSupported(request=request)
    if getattr(request, "registration", None):
        raise exceptions.RegistrationNotSupported(request=request)


def openid_asked(request: Request) -> None:
    """Core 3.1.2.1: ``openid`` has to be there; scopes that nobody knows are ignored."""
    asked = (request.scope or "").split()
    if "openid" not in asked:
        raise errors.InvalidScopeError("The scope must contain openid.", request=request)
    request.scopes = [scope for scope in SCOPES if scope in asked]


def challenge_is_s256(request: Request) -> None:
    """RFC 7636 4.3 and 4.4.1: ``plain``, which is also meant when no method is named, is refused."""
    if request.code_challenge is None:
        if request.code_challenge_method is not None:
            raise errors.MissingCodeChallengeError(request=request)
        return
    if request.code_challenge_method != "S256":
        raise errors.UnsupportedCodeChallengeMethodError(request=request)
    if not _CHALLENGE.fullmatch(request.code_challenge):
        raise errors.InvalidRequestError("The code_challenge is not one of S256.", request=request)


def prompt_is_known(request: Request) -> None:
    """Core 3.1.2.1: ``none`` stands alone."""
    asked = set((request.prompt or "").split())
    if asked - PROMPTS:
        raise errors.InvalidRequestError("The prompt is not supported.", request=request)
    if "none" in asked and len(asked) > 1:
        raise errors.InvalidRequestError("The prompt none must stand alone.", request=request)


def max_age_is_seconds(request: Request) -> None:
    """Core 3.1.2.1."""
    if request.max_age is not None and not re.fullmatch(r"[0-9]{1,9}", request.max_age):
        raise errors.InvalidRequestError("The max_age is not a number of seconds.", request=request)


# --- token, revocation, introspection --------------------------------------------------------


def one_authentication(request: Request) -> None:
    """RFC 6749 2.3: a client must not authenticate in more than one way, or as two clients."""
    found = authorization(request)
    if found is None:
        return
    if request.client_secret is not None:
        raise errors.InvalidRequestError("The client authenticates in two ways.")
    if found.client_id and request.client_id not in (None, found.client_id):
        raise errors.InvalidRequestError("The request names two clients.")


def grant_is_known(request: Request) -> None:
    """RFC 6749 5.2: a missing grant_type is an invalid request, an unknown one is not supported."""
    if request.grant_type is None:
        raise errors.InvalidRequestError("Missing grant_type parameter.")
    if request.grant_type not in ("authorization_code", "refresh_token"):
        raise errors.UnsupportedGrantTypeError()


def verifier_is_wellformed(request: Request) -> None:
    """RFC 7636 4.1."""
    if request.code_verifier is not None and not _VERIFIER.fullmatch(request.code_verifier):
        raise errors.InvalidGrantError("The code_verifier is not 43 to 128 unreserved characters.")


def no_verifier_for_nothing(request: Request) -> None:
    """RFC 9700 4.8.2: a verifier for a code without a challenge means that somebody took it out."""
    if request.code_verifier is not None and request.granted.challenge is None:
        raise errors.InvalidGrantError("The authorization request had no code_challenge.")


def known_scopes(request: Request) -> None:
    """RFC 6749 3.3: on refreshing, too, scopes that nobody knows are ignored."""
    asked = (request.scope or "").split()
    request.scope = " ".join(scope for scope in SCOPES if scope in asked) or None


#: Before client and redirect URI are known: the person sees the mistake, nobody is redirected.
FIRST: tuple[Check, ...] = (short_enough, printable)
#: When both are known: the client is told, by way of the browser.
AUTHORIZE: tuple[Check, ...] = (
    each_once,
    no_request_object,
    code_flow,
    answered_in_query,
    openid_asked,
    challenge_is_s256,
    prompt_is_known,
    max_age_is_seconds,
)
FORM: tuple[Check, ...] = (*FIRST, each_once, one_authentication)
TOKEN: tuple[Check, ...] = (*FORM, grant_is_known, verifier_is_wellformed, known_scopes)
#: When the code is known.
CODE: tuple[Check, ...] = (no_verifier_for_nothing,)

#: Parameters that mean something to us, RFC 6749, RFC 7636, Core 3.1.2.1.
AUTHORIZE_PARAMETERS = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
    *("code_challenge", "code_challenge_method", "prompt", "max_age", "id_token_hint", "login_hint"),
    *("request", "request_uri", "registration"),
)
TOKEN_PARAMETERS = (
    *("grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope"),
    *("client_id", "client_secret"),
)
FORM_PARAMETERS = ("token", "token_type_hint", "client_id", "client_secret")
