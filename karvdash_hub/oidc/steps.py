"""What has to happen before a client gets its code: sign in, sign in again, consent, or nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors

from karvdash_hub.oidc.model import Consent, Person


class Step(Enum):
    """What comes next."""

    SIGN_IN = "sign in"
    SIGN_IN_AGAIN = "sign in again"
    CONSENT = "consent"
    APPROVE = "approve"


@dataclass(frozen=True)
class Situation:
    """Who is there.

    Attributes:
        person: who is signed in, None for nobody.
        auth_time: when the person gave a password, or whatever the Hub asks for; None if that is not known.
        consent: what the person has allowed this client.
        since: when this request came for the first time, if it comes back from one of our own pages.
        hinted: ``sub`` that the client expects (id_token_hint), "" if the hint is not a token of ours.
    """

    person: Person | None
    auth_time: float | None = None
    consent: Consent | None = None
    since: float | None = None
    hinted: str | None = None


def next_step(request: Request, there: Situation, now: float) -> Step:
    """Decide. OpenID Connect Core 3.1.2.1, 3.1.2.3 and 3.1.2.4.

    Raises: LoginRequired, ConsentRequired for a request that allows no page, or that is about somebody else.
    """
    prompt = set((request.prompt or "").split())
    step = _step(request, there, prompt, now)
    if "none" in prompt and step in (Step.SIGN_IN, Step.SIGN_IN_AGAIN):
        raise errors.LoginRequired(request=request)
    if "none" in prompt and step is Step.CONSENT:
        raise errors.ConsentRequired(request=request)
    return step


def _step(request: Request, there: Situation, prompt: set[str], now: float) -> Step:
    if there.person is None:
        return Step.SIGN_IN
    if there.hinted is not None and there.hinted != there.person.subject:
        # Core 3.1.2.2: it must not answer about anybody else.
        raise errors.LoginRequired("Somebody else is signed in.", request=request)
    if _too_long_ago(request, there, prompt, now):
        return Step.SIGN_IN_AGAIN
    return Step.CONSENT if _consent_needed(request, there, prompt) else Step.APPROVE


def _too_long_ago(request: Request, there: Situation, prompt: set[str], now: float) -> bool:
    if there.auth_time is None:
        return True
    if there.since is not None and there.auth_time >= there.since:
        return False  # for this very request, however strict it is
    if prompt & {"login", "select_account"}:
        return True
    return request.max_age is not None and now - there.auth_time > int(request.max_age)


def _consent_needed(request: Request, there: Situation, prompt: set[str]) -> bool:
    if "consent" in prompt:
        return there.consent is None or there.since is None or there.consent.given < there.since
    if request.client.first_party:
        return False
    return there.consent is None or not set(request.scopes) <= set(there.consent.scopes)
