"""What a person is told of a request that cannot be answered to its application. Pure.

All other errors are oauthlib's, by the letter of RFC 6749 5.2 and OpenID Connect Core 3.1.2.6.
"""

from __future__ import annotations

from oauthlib.oauth2.rfc6749 import errors

_UNREGISTERED = "The address to go back to is not registered for this application."
_SENTENCES: dict[type[errors.OAuth2Error], str] = {
    errors.MissingClientIdError: "The request does not say which application it comes from.",
    errors.InvalidClientIdError: "The application is not registered here.",
    errors.MissingRedirectURIError: "The request does not say where to go back to.",
    errors.MismatchingRedirectURIError: _UNREGISTERED,
    errors.InvalidRedirectURIError: _UNREGISTERED,
}


def for_people(error: errors.OAuth2Error) -> str:
    """Say it in a sentence; what only its makers can understand stays as it is."""
    return _SENTENCES.get(type(error), str(error.description))
