"""/hub/connect: how a person's own programs get in, and what has been handed out, to be taken back."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from tornado import web

from karvdash_hub.durations import spell_duration, spell_moment
from karvdash_hub.errors import KarvdashError, NotFound
from karvdash_hub.handlers import present
from karvdash_hub.handlers.base import PageHandler
from karvdash_hub.handlers.clients import ClientsMixin
from karvdash_hub.kube import kubeconfigs
from karvdash_hub.kube.errors import Forbidden

_R = TypeVar("_R")
#: Who may have tokens may have these too; the tokens in pods may not.
SCOPE = "tokens"
#: A file for kubectl opens the whole namespace, so who has less by a role of the site's own gets none.
ALL_SCOPES = (SCOPE, "servers", "custom:karvdash:exec")
_SAVED = {
    "kubeconfig": "The kubeconfig file is worthless now. Kubernetes notices within seconds.",
    "token": "The token is deleted.",
    "application": "You are signed out there, and the application has to ask again.",
}


class ConnectMixin(ClientsMixin, PageHandler):
    """For all that is about the asker's own programs."""

    async def in_namespace(self, work: Callable[[], Awaitable[_R]]) -> _R:
        """Do something in the asker's name, whose namespace may not be made yet or not whole."""
        try:
            return await work()
        except Forbidden:
            await self.karvdash.ensure_namespace(self.current_user.name, fresh=0)
            return await work()


class ConnectHandler(ConnectMixin):
    """What there is, and what was handed out."""

    @web.authenticated
    async def get(self) -> None:
        """Show it; each part fails alone."""
        self.require(SCOPE)
        karvdash, name = self.karvdash, self.current_user.name
        kubectl = karvdash.outside.kubectl
        handouts, problem = await self._handouts()
        await self.answer(
            "karvdash/connect.html",
            heading="Connect",
            here="connect",
            namespace=karvdash.namespace(name),
            handouts=handouts,
            problem=problem,
            lifetime=spell_duration(kubectl.lifetime),
            trusts_oidc=kubectl.trusts_oidc and karvdash.oidc_settings.enabled,
            argo_url=_argo_url(karvdash.outside.argo.url, karvdash.namespace(name)),
            tokens=[_token(token) for token in _tokens(self.current_user)],
            grants=[_grant(one) for one in karvdash.store.oidc.grants(name, time.time())],
            provider=karvdash.oidc_settings.enabled,
            saved=_SAVED.get(self.get_argument("saved", ""), ""),
        )

    async def _handouts(self) -> tuple[list[kubeconfigs.Handout], str]:
        karvdash = self.karvdash
        if karvdash.informers.outage:
            return [], karvdash.informers.outage
        namespace = karvdash.namespace(self.current_user.name)
        try:
            return await self.in_namespace(lambda: kubeconfigs.handed_out(karvdash.kube, namespace)), ""
        except KarvdashError as error:
            return [], error.message


class KubeconfigHandler(ConnectMixin):
    """/hub/connect/kubeconfig: a file with a token, or one by which kubectl signs the person in."""

    @web.authenticated
    async def post(self) -> None:
        """Send the file."""
        for scope in ALL_SCOPES:
            self.require(scope)
        karvdash, name = self.karvdash, self.current_user.name
        kubectl, namespace = karvdash.outside.kubectl, karvdash.namespace(name)
        server = kubeconfigs.server_for_people(kubectl, karvdash.config)
        if self.get_body_argument("by", "token") == "oidc":
            if not kubectl.trusts_oidc:
                raise NotFound("This cluster does not know people by their sign-in at the Hub.")
            text = kubeconfigs.sign_in_file(server, namespace, self.issuer, kubectl.oidc_client_id)
        else:
            seconds = kubectl.lifetime
            token = await self.in_namespace(lambda: kubeconfigs.hand_out(karvdash.kube, namespace, seconds))
            text = kubeconfigs.token_file(server, namespace, token)
            karvdash.store.audit.add("kubeconfig.add", subject=name, actor=name)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Type", "application/yaml")
        self.set_header("Content-Disposition", f'attachment; filename="{namespace}.kubeconfig"')
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(text)


class TakeBackHandler(ConnectMixin):
    """/hub/connect/<kind>/<id>/revoke."""

    @web.authenticated
    async def post(self, kind: str, which: str) -> None:
        """Take back what belongs to the asker."""
        self.require(SCOPE)
        karvdash, name = self.karvdash, self.current_user.name
        if kind == "kubeconfig":
            namespace = karvdash.namespace(name)
            await self.in_namespace(lambda: kubeconfigs.take_back(karvdash.kube, namespace, which))
        elif kind == "token":
            self._delete_token(which)
        else:
            if which not in [one.client.client_id for one in karvdash.store.oidc.grants(name, time.time())]:
                raise NotFound("You are not signed in at such an application.")
            karvdash.store.oidc.revoke_grant(name, which)
        karvdash.store.audit.add(f"{kind}.revoke", subject=name, actor=name, object=which)
        self.redirect(f"{self.hub_path('connect')}?saved={kind}", status=303)

    def _delete_token(self, which: str) -> None:
        found = next((token for token in _tokens(self.current_user) if token.api_id == which), None)
        if found is None:
            raise NotFound("You have no such token.")
        self.db.delete(found)
        self.db.commit()


def _argo_url(argo: str, namespace: str) -> str:
    return f"{argo}/workflows/{namespace}" if argo else ""


def _tokens(user: Any) -> list[Any]:
    """Return the API tokens of a person that have not ended, the newest first, without those of sign-ins."""
    now = datetime.now(UTC).replace(tzinfo=None)
    own = [
        token
        for token in user.api_tokens
        # Others belong to sign-ins at notebooks and services of JupyterHub, which its page of tokens lists.
        if token.client_id == "jupyterhub" and (token.expires_at is None or token.expires_at > now)
    ]
    return sorted(own, key=lambda token: token.created, reverse=True)


def _token(token: Any) -> dict[str, Any]:
    return {
        "id": token.api_id,
        "note": token.note or "without a note",
        "scopes": sorted(token.scopes),
        "made": _utc(token.created),
        "used": _utc(token.last_activity),
        "expires": _utc(token.expires_at),
    }


def _utc(moment: datetime | None) -> str:
    return f"{moment.isoformat(timespec='seconds')}Z" if moment else ""


def _grant(grant: Any) -> dict[str, Any]:
    client = grant.client
    return {
        "id": client.client_id,
        "name": client.name,
        "initials": present.initials(client.name),
        "hue": present.hue(client.client_id),
        "since": spell_moment(grant.since),
        "used": spell_moment(grant.used),
    }
