"""Signing in: JupyterHub's authenticator with our pages, our API and our names.

Any authenticator can carry them:

    class SignIn(KarvdashHandlersMixin, GenericOAuthenticator):
        pass

    c.JupyterHub.authenticator_class = SignIn

``KarvdashAuthenticator`` does so for local accounts (``karvdash-hub user add``).
"""

from __future__ import annotations

import gc
import time
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.utils import maybe_future
from tornado import web
from traitlets import Bool, default

from karvdash_hub.accounts import LocalAccounts
from karvdash_hub.errors import KarvdashError
from karvdash_hub.handlers import default_handlers, sign_up_handlers
from karvdash_hub.handlers.auditing import Recorder
from karvdash_hub.handlers.oidc_session import note_sign_in
from karvdash_hub.spawner import door
from karvdash_hub.spawner.hub import Karvdash
from karvdash_hub.spawner.users import remove_user


class KarvdashHandlersMixin:
    """Brings pages, API and namespaces to an authenticator. It has to stand first among the base classes."""

    def get_handlers(self, app: Any) -> list[Any]:
        """Return the routes; JupyterHub puts them before its own."""
        karvdash = Karvdash.start(app)
        self._recorder = Recorder(karvdash.store)
        app.tornado_settings["karvdash_recorder"] = self._recorder
        app.tornado_settings["log_function"] = self._recorder.request
        handlers: list[Any] = super().get_handlers(app)  # type: ignore[misc]
        handlers = [*handlers, *door.handlers(), *default_handlers()]
        # What there is before the first spawner lives for ever; garbage collection need not stop to see it.
        gc.freeze()
        return handlers

    async def get_authenticated_user(self, handler: Any, data: Any) -> Any:
        """Check who signs in, as the base class does, and note it in the audit log."""
        typed = data.get("username", "") if isinstance(data, dict) else ""
        try:
            model = await super().get_authenticated_user(handler, data)  # type: ignore[misc]
        except web.HTTPError:
            self._note_sign_in(typed, right=False)
            raise
        except Exception as error:  # of any library that asks another system
            handler.log.exception("Nobody can be signed in now")
            message = "The system that signs people in does not answer. Try again in a minute."
            raise web.HTTPError(503, message, reason="Service Unavailable") from error
        self._note_sign_in(model["name"] if model else typed, right=bool(model))
        if model:
            note_sign_in(handler, model["name"], time.time())
        return model

    def _note_sign_in(self, name: str, *, right: bool) -> None:
        karvdash = Karvdash.instance()
        known = right or karvdash.store.account(name) is not None or karvdash.user(name) is not None
        self._recorder.sign_in(name, right=right, known=known)

    async def run_post_auth_hook(self, handler: Any, auth_model: Any) -> Any:
        """Refuse a person whose name clashes with another's, and get the namespace ready."""
        auth_model = await super().run_post_auth_hook(handler, auth_model)  # type: ignore[misc]
        if auth_model:
            karvdash = Karvdash.instance()
            try:
                karvdash.standing.check_active(auth_model["name"])
                karvdash.claim_user(auth_model["name"])
            except KarvdashError as error:
                raise web.HTTPError(403, "%s", error.message, reason="Forbidden") from error
            # Not waited for: signing in works while Kubernetes does not, and the first launch does it again.
            karvdash.prepare_namespace(auth_model["name"])
        return auth_model

    def add_user(self, user: Any) -> Any:
        """Refuse a new user, however added, whose name clashes with another's.

        JupyterHub also calls this for every user when it starts, before anything else of ours: inside its
        event loop, so this is where karvdash_hub starts unless there is no user yet.
        """
        result = super().add_user(user)  # type: ignore[misc]
        try:
            Karvdash.start(self.parent).claim_user(user.name)  # type: ignore[attr-defined]
        except KarvdashError as error:
            raise ValueError(error.message) from error
        return result

    async def pre_spawn_start(self, user: Any, spawner: Any) -> None:
        """Start nothing of a person who is deactivated, whoever asks."""
        try:
            Karvdash.instance().standing.check_active(user.name)
        except KarvdashError as error:
            raise web.HTTPError(error.status, "%s", error.message) from error
        await maybe_future(super().pre_spawn_start(user, spawner))  # type: ignore[misc]

    async def delete_user(self, user: Any) -> None:
        """Remove what the user has in the cluster and in our database, before JupyterHub forgets it."""
        await maybe_future(super().delete_user(user))  # type: ignore[misc]
        try:
            await remove_user(Karvdash.instance(), user)
        except KarvdashError as error:
            raise web.HTTPError(error.status, "%s", error.message) from error


class KarvdashAuthenticator(KarvdashHandlersMixin, Authenticator):  # type: ignore[misc]
    """Local accounts, kept in karvdash_hub's own database."""

    @default("allow_all")
    def _default_allow_all(self) -> bool:
        # Whoever has an active account may sign in; there is no other list of the allowed.
        return True

    sign_up = Bool(
        True,
        help="""
        Whether strangers may ask for an account, at ``/hub/signup``.

        An administrator has to activate it before it can be used. ``False`` removes the page and the link
        to it.
        """,
    ).tag(config=True)

    _accounts: LocalAccounts | None = None

    def get_handlers(self, app: Any) -> list[Any]:
        """Return the routes, with the sign-up page if it is wanted."""
        return [*super().get_handlers(app), *(sign_up_handlers() if self.sign_up else ())]

    @property
    def accounts(self) -> LocalAccounts:
        """The local accounts; other authenticators have no such attribute."""
        if self._accounts is None:
            self._accounts = LocalAccounts(Karvdash.instance().store)
        return self._accounts

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Check name and password of the login form."""
        name = self.normalize_username(data.get("username", "").strip())  # telephones begin with a capital
        try:
            account = await self.accounts.authenticate(name, data.get("password", ""))
        except KarvdashError as error:
            raise web.HTTPError(error.status, "%s", error.message) from error
        return None if account is None else {"name": account.name, "admin": account.admin}
