"""/hub/oidc/authorize, with the two pages that it may show: sign in again, and consent.

authorize ─► nobody is there   ─► JupyterHub's sign-in page ─┐
          ─► too long ago      ─► oidc/sign-in ──────────────┤  with a ticket that says when this
          ─► consent is needed ─► oidc/consent ──────────────┤  request came first
          ◄──────────────────────────────────────────────────┘
          ─► redirect URI, with a code or an error
"""

from __future__ import annotations

from urllib.parse import urlencode

from jupyterhub.utils import url_path_join
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors
from sqlalchemy.exc import SQLAlchemyError
from tornado import web
from tornado.httputil import url_concat

from karvdash_hub.errors import Unavailable
from karvdash_hub.handlers import oidc_session
from karvdash_hub.handlers.base import PageHandler
from karvdash_hub.handlers.oidc_wire import Pairs, pairs_of
from karvdash_hub.oidc.checks import AUTHORIZE_PARAMETERS, given
from karvdash_hub.oidc.errors import for_people
from karvdash_hub.oidc.grants import NO_STORE
from karvdash_hub.oidc.model import Consent
from karvdash_hub.oidc.steps import Situation, Step, next_step
from karvdash_hub.provider import Provider

#: What the consent page says about each scope.
SCOPE_TEXTS = {
    "openid": "recognise you when you come again",
    "profile": "see your user name and the name of your namespace",
    "email": "see your e-mail address",
    "groups": "see which groups you are in",
}
_TICKET = "karvdash_visit"


class OidcPageHandler(PageHandler):
    """A page of the provider: for browsers, with the Hub's own session and no token of any kind."""

    @property
    def provider(self) -> Provider:
        """The one of this Hub."""
        return self.karvdash.provider

    async def prepare(self) -> None:
        """Be somewhere else if the provider is switched off; let nothing be kept."""
        await super().prepare()
        if not self.provider.enabled:
            raise web.HTTPError(404)
        for name, value in NO_STORE.items():
            self.set_header(name, value)

    def see_other(self, name: str) -> None:
        """Turn a form that an application sends by the browser into an address.

        It comes from another site, so that browsers leave the Hub's cookies out; with the address, they
        do not.
        """
        path = url_path_join(self.hub.base_url, "oidc", name)
        self.redirect(f"{path}?{urlencode(pairs_of(self.request.body))}", status=303)

    async def refuse_page(self, message: str) -> None:
        """Tell the person, because nobody else can be told."""
        self.log.info("%s %s: %s", self.request.method, self.request.path, message)
        await self.answer("karvdash/oidc-refused.html", 400, message=message)


class _FlowHandler(OidcPageHandler):
    """An authorization request on its way to a code, Core 3.1.2."""

    async def go_on(self, request: Request, query: str, ticket: str) -> None:
        try:
            situation = self._situation(request, oidc_session.read_ticket(self, query, ticket))
            step = next_step(request, situation, self.provider.now())
            if step is not Step.APPROVE:
                # The time of the first visit stays: signing in again for this request is for its consent too.
                since = situation.since or self.provider.now()
                await self._visit(step, request, query, oidc_session.Visit(since, situation.hinted))
                return
            assert situation.person is not None and situation.auth_time is not None
            location = self.provider.grants.approve(request, situation.person, situation.auth_time)
        except errors.OAuth2Error as error:
            location = self.provider.grants.refuse(error)
        except Unavailable as error:
            location = self.provider.grants.refuse(
                errors.TemporarilyUnavailableError(error.message, request=request)
            )
        except SQLAlchemyError:
            self.log.exception("No code could be kept")
            location = self.provider.grants.refuse(errors.ServerError(request=request))
        else:
            self.note("application.sign-in", request)
        self.redirect(location)

    def _situation(self, request: Request, visit: oidc_session.Visit | None) -> Situation:
        since, hinted = visit or (None, None)
        if request.id_token_hint is not None:
            hinted = (self.provider.hint(request.id_token_hint) or {"sub": ""})["sub"]
        if self.current_user is None:
            return Situation(None, since=since, hinted=hinted)
        name = self.current_user.name
        person = self.provider.person(name)
        if person is None:
            raise errors.AccessDeniedError("The account is not active.", request=request)
        consent = self.karvdash.store.oidc.consent(name, request.client_id)
        return Situation(person, oidc_session.auth_time(self, name), consent, since, hinted)

    async def _visit(self, step: Step, request: Request, query: str, visit: oidc_session.Visit) -> None:
        """Send the person to a page from which the browser comes back to this request."""
        ticket = oidc_session.make_ticket(self, query, visit)
        back = self.back(query, ticket)
        if step is Step.SIGN_IN:
            hint = {"username": request.login_hint} if request.login_hint else {}
            self.redirect(url_concat(self.settings["login_url"], {"next": back, **hint}))
        elif step is Step.SIGN_IN_AGAIN:
            await self.show_sign_in(request, query, ticket)
        else:
            texts = [SCOPE_TEXTS[scope] for scope in request.scopes]
            await self.answer(
                "karvdash/oidc-consent.html",
                client=request.client,
                host=host_of(request.redirect_uri),
                texts=texts,
                query=query,
                ticket=ticket,
            )

    async def show_sign_in(self, request: Request, query: str, ticket: str, mistake: str = "") -> None:
        """Ask for the password, or send the person to where the Hub sends people to sign in."""
        elsewhere = ""
        if self.authenticator.login_service:
            login_url = self.authenticator.login_url(self.hub.base_url)
            elsewhere = url_concat(login_url, {"next": self.back(query, ticket)})
        await self.answer(
            "karvdash/oidc-sign-in.html",
            403 if mistake else 200,
            client=request.client,
            query=query,
            ticket=ticket,
            mistake=mistake,
            elsewhere=elsewhere,
            service=self.authenticator.login_service,
        )

    def back(self, query: str, ticket: str) -> str:
        """Return the address of this request, with its ticket."""
        path = url_path_join(self.hub.base_url, "oidc/authorize")
        return f"{path}?{query}&{urlencode({_TICKET: ticket})}"

    def note(self, action: str, request: Request) -> None:
        """Write into the audit log what the person did at a client."""
        name = self.current_user.name
        self.settings["karvdash_recorder"].note(action, actor=name, subject=name, object=request.client_id)


class AuthorizeHandler(_FlowHandler):
    """Where applications send people."""

    def check_xsrf_cookie(self) -> None:
        """Applications send people here, by GET and by POST; what follows asks for itself."""

    async def post(self) -> None:
        """Core 3.1.2.1 asks for it."""
        self.see_other("authorize")

    async def get(self) -> None:
        """Send the browser back with a code or an error, or show what is needed first."""
        pairs = pairs_of(self.request.query)
        try:
            request = self.provider.grants.authorize(pairs)
        except errors.FatalClientError as error:
            await self.refuse_page(for_people(error))
        except errors.OAuth2Error as error:
            self.redirect(self.provider.grants.refuse(error))
        else:
            await self.go_on(request, canonical(pairs), self.get_argument(_TICKET, ""))


class _FormHandler(_FlowHandler):
    """A form of ours: it carries the request, and a token against forgery."""

    def read(self) -> tuple[Request, str, str]:
        """Return the request, its query and its ticket. Raises: HTTPError 400."""
        pairs = pairs_of(self.get_body_argument("query", "", strip=False))
        ticket = self.get_body_argument("ticket", "")
        query = canonical(pairs)
        if oidc_session.read_ticket(self, query, ticket) is None:
            raise web.HTTPError(400, "This page is too old. Go back to the application and start again.")
        try:
            return self.provider.grants.authorize(pairs), query, ticket
        except errors.OAuth2Error as error:  # its client was removed or changed meanwhile
            raise web.HTTPError(400, "%s", error.description) from error


class SignInAgainHandler(_FormHandler):
    """The form behind ``prompt=login`` and ``max_age``."""

    @web.authenticated
    async def post(self) -> None:
        """Check the password and go on, or show the form again."""
        request, query, ticket = self.read()
        typed = self.get_body_argument("password", "", strip=False)
        try:
            found = await self.authenticate({"username": self.current_user.name, "password": typed})
        except web.HTTPError as error:
            await self.show_sign_in(request, query, ticket, mistake=error.get_message() or "")
            return
        if not found or found["name"] != self.current_user.name:
            await self.show_sign_in(request, query, ticket, mistake="The password is wrong.")
            return
        self.redirect(self.back(query, ticket), status=303)


class ConsentHandler(_FormHandler):
    """The person's answer on the consent page, Core 3.1.2.4."""

    @web.authenticated
    async def post(self) -> None:
        """Remember a yes and go on; tell the client of a no."""
        request, query, ticket = self.read()
        if self.get_body_argument("decision", "") != "allow":
            self.note("application.refuse", request)
            self.redirect(self.provider.grants.refuse(errors.AccessDeniedError(request=request)), status=303)
            return
        name, now = self.current_user.name, self.provider.now()
        known = self.karvdash.store.oidc.consent(name, request.client_id)
        scopes = {*request.scopes, *(known.scopes if known else ())}
        consent = Consent(name, request.client_id, tuple(sorted(scopes)), now)
        self.karvdash.store.oidc.set_consent(consent)
        self.note("application.allow", request)
        self.redirect(self.back(query, ticket), status=303)


def canonical(pairs: Pairs) -> str:
    """Write a request as a query, the same one each time it comes back, and without its token."""
    return urlencode([pair for pair in given(pairs, AUTHORIZE_PARAMETERS) if pair[0] != "id_token_hint"])


def host_of(uri: str) -> str:
    """Name the place that a redirect URI leads to, for people."""
    scheme, _, rest = uri.partition("://")
    return rest.partition("/")[0].partition("?")[0] if scheme in ("http", "https") else uri.partition(":")[0]
