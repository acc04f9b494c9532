"""/hub/oidc/logout: an application asks to sign its person out of the Hub (RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple
from urllib.parse import urlencode

from oauthlib.common import add_params_to_uri
from tornado import web

from karvdash_hub.handlers.base import PageHandler
from karvdash_hub.handlers.oidc_authorize import OidcPageHandler
from karvdash_hub.handlers.oidc_wire import Pairs, pairs_of
from karvdash_hub.handlers.signing_out import end_session
from karvdash_hub.oidc.checks import LONGEST_VALUE, given

_PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


class _Asked(NamedTuple):
    """A logout request that is right: whom it is about ("" if it does not say), and where to go on."""

    subject: str
    target: str


class _Wrong(Exception):
    """A logout request that is not; the message is for the person."""


class LogoutHandler(OidcPageHandler):
    """Section 2."""

    def check_xsrf_cookie(self) -> None:
        """Applications send people here. Without a token that proves it, the person is asked."""

    async def post(self) -> None:
        """Section 2 asks for it."""
        self.see_other("logout")

    async def get(self) -> None:
        """Sign the person out if the application knows who it is, else ask."""
        pairs = pairs_of(self.request.query)
        try:
            asked = self.read(pairs)
        except _Wrong as error:
            await self.refuse_page(str(error))
            return
        if self.current_user is None:
            await self.leave(asked.target)
            return
        person = self.provider.person(self.current_user.name)
        if person is not None and person.subject == asked.subject:
            end_session(self)
            await self.leave(asked.target)
            return
        query = urlencode(given(pairs, _PARAMETERS))
        await self.answer("karvdash/oidc-logout.html", query=query, done=False)

    def read(self, pairs: Pairs) -> _Asked:
        """Check a request. Raises: _Wrong."""
        known = given(pairs, _PARAMETERS)
        values = dict(known)
        if any(number > 1 for number in Counter(key for key, _ in known).values()):
            raise _Wrong("A parameter is there twice.")
        if any(len(value) > LONGEST_VALUE for value in values.values()):
            raise _Wrong(f"A parameter has more than {LONGEST_VALUE} characters.")
        hint = self.provider.hint(values.get("id_token_hint", "")) or {"sub": "", "aud": ""}
        client_id = values.get("client_id", hint["aud"])
        if hint["aud"] not in ("", client_id):
            raise _Wrong("The ID token is another application's.")
        return _Asked(hint["sub"], self._target(client_id, values))

    def _target(self, client_id: str, values: dict[str, str]) -> str:
        """Return where to go on, only ever an address that the client has registered; section 3."""
        uri = values.get("post_logout_redirect_uri", "")
        if not uri:
            return ""
        client = self.karvdash.store.oidc.client(client_id)
        if client is None or uri not in client.post_logout_redirect_uris:
            raise _Wrong("The address to go to after signing out is not registered for this application.")
        return str(add_params_to_uri(uri, [("state", values["state"])])) if "state" in values else uri

    async def leave(self, target: str) -> None:
        """Go on to the application, or say that it is done."""
        if target:
            self.redirect(target, status=303)
            return
        self._jupyterhub_user = None
        await self.answer("karvdash/oidc-logout.html", query="", done=True)


class LogoutFormHandler(LogoutHandler):
    """The person's answer to the question whether to sign out."""

    def check_xsrf_cookie(self) -> None:
        """Ask for the token, as every form of the Hub does."""
        PageHandler.check_xsrf_cookie(self)

    async def get(self) -> None:
        """There is nothing to see."""
        raise web.HTTPError(405)

    async def post(self) -> None:
        """Sign out and go on."""
        try:
            asked = self.read(pairs_of(self.get_body_argument("query", "", strip=False)))
        except _Wrong as error:
            await self.refuse_page(str(error))
            return
        if self.current_user is not None:
            end_session(self)
        await self.leave(asked.target)
