"""Carry out what changes of accounts order: end sign-ins, tokens, rights and services, or give them back.

Pages, API and command line write orders beside the change itself (``store.people``). What only JupyterHub's
database needs is done before the page answers; Kubernetes and services follow, and are tried again until
they have followed, also by a Hub that is started later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jupyterhub import orm, roles
from tornado import web

from karvdash_hub.errors import Conflict, Forbidden, KarvdashError
from karvdash_hub.kube.deactivation import cut_off
from karvdash_hub.kube.errors import NotFound
from karvdash_hub.spawner.users import delete_person
from karvdash_hub.store_rows import Order
from karvdash_hub.waiting import wait_for_event

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: Seconds between two looks at the orders; the command line writes some that nobody tells us of.
INTERVAL = 5.0


class Standing:
    """Who may do anything, and what has to be done when that changes."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash
        self._wake = asyncio.Event()
        #: What was logged of an order, so that it is logged once.
        self._told: dict[Order, str] = {}
        self._at_once: dict[str, Callable[[str], None]] = {
            "sessions": self._end_sessions,
            "tokens": self._delete_tokens,
            "role": self._take_role_over,
        }
        self._later: dict[str, Callable[[str], Awaitable[None]]] = {
            "cut": self._cut,
            "stop": self._stop,
            "restore": self._restore,
            "remove": self._remove,
        }

    def check_active(self, username: str) -> None:
        """Refuse what a person who is deactivated, or was never activated, may not do. Raises: Forbidden."""
        if not self._karvdash.store.is_active(username):
            raise Forbidden(
                f"The account of {username} is not active. An administrator can activate it.", "inactive"
            )

    def settle(self, username: str) -> None:
        """Do at once what needs only JupyterHub's database, and have the rest done soon."""
        for order in self._karvdash.store.people.orders(username):
            if do := self._at_once.get(order.kind):
                do(username)
                self._karvdash.store.people.carried_out(order)
        self._wake.set()

    async def run(self) -> None:
        """Carry orders out for as long as the Hub lives, those of one account apart from all others'."""
        # JupyterHub's users are not read before.
        await self._karvdash.app._start_future
        going: set[str] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                orders = self._karvdash.store.people.orders()
                for username in {order.username for order in orders} - going:
                    going.add(username)
                    tasks.create_task(self._carry_out_all(username, going))
                for order in self._told.keys() - set(orders):
                    del self._told[order]
                await wait_for_event(self._wake, INTERVAL)
                self._wake.clear()

    async def _carry_out_all(self, username: str, going: set[str]) -> None:
        """Try each order of an account once, those too that come meanwhile."""
        tried: set[Order] = set()
        while orders := set(self._karvdash.store.people.orders(username)) - tried:
            tried |= orders
            await asyncio.gather(*map(self._carry_out, orders))
        going.discard(username)

    async def _carry_out(self, order: Order) -> None:
        try:
            if do := self._at_once.get(order.kind):
                do(order.username)
            else:
                await self._later[order.kind](order.username)
        except (KarvdashError, web.HTTPError) as error:
            if self._told.get(order) != str(error):
                self._told[order] = str(error)
                log.warning("%s of %r goes on later: %s", order.kind.capitalize(), order.username, error)
        except Exception:
            # One account that cannot be settled must not keep the others waiting.
            log.exception("%s of %r failed, and is tried again", order.kind.capitalize(), order.username)
        else:
            self._karvdash.store.people.carried_out(order)

    # --- JupyterHub ----------------------------------------------------------------------

    def _end_sessions(self, username: str) -> None:
        """Make all cookies worthless, the gate's too; end sign-ins at notebooks and applications."""
        self._karvdash.store.oidc.end_user(username)
        user = self._karvdash.user(username)
        if user is None:
            return
        user.orm_user.cookie_id = orm.new_token()
        # Given out a moment ago, they would still become tokens.
        self._karvdash.app.db.query(orm.OAuthCode).filter_by(user_id=user.id).delete()
        for token in list(user.orm_user.api_tokens):
            # Issued to the person's own pages and programs: "jupyterhub"; to notebooks: their client.
            if token.client_id != "jupyterhub":
                self._karvdash.app.db.delete(token)
        self._karvdash.app.db.commit()

    def _delete_tokens(self, username: str) -> None:
        user = self._karvdash.user(username)
        if user is None:
            return
        for token in list(user.orm_user.api_tokens):
            self._karvdash.app.db.delete(token)
        self._karvdash.app.db.commit()
        self._karvdash.pod_tokens.forget(username)

    def _take_role_over(self, username: str) -> None:
        if (account := self._karvdash.store.account(username)) is not None:
            self.set_role(username, account.admin)

    def set_role(self, username: str, admin: bool) -> None:
        """Make JupyterHub's user an administrator, or not."""
        if (user := self._karvdash.user(username)) is None:
            return
        user.admin = admin
        roles.assign_default_roles(self._karvdash.app.db, entity=user.orm_user)
        self._karvdash.app.db.commit()

    # --- cluster -------------------------------------------------------------------------

    async def _cut(self, username: str) -> None:
        claim = self._karvdash.store.namespace_of(username)
        if claim is None:
            return
        with suppress(NotFound):  # never signed in, so there is no namespace yet
            await self._karvdash.kube.get("v1", "Namespace", claim.namespace)
            await cut_off(self._karvdash.kube, claim.namespace)
        await self._karvdash.outside.remove(claim)

    async def _restore(self, username: str) -> None:
        await self._karvdash.ensure_namespace(username, fresh=0)

    async def _stop(self, username: str) -> None:
        """Stop services if that was asked for, and notebooks in any case: they live from a token."""
        user, why = self._karvdash.user(username), self._karvdash.store.people.deactivated(username)
        if user is None or why is None:
            return
        active = [spawner for spawner in user.spawners.values() if spawner.active]
        ending = [one for one in active if why.services == "stop" or not getattr(one, "is_template", False)]
        if busy := [one for one in ending if one.pending and one.pending != "stop"]:
            for one in busy:
                if one._spawn_future is not None:
                    one._spawn_future.cancel()
            raise Conflict(f"{busy[0].name or 'The notebook'} is busy ({busy[0].pending}).")
        if ending and (outage := self._karvdash.informers.outage):
            raise Conflict(outage)
        await asyncio.gather(*(self._stop_one(user, one) for one in ending if not one.pending))

    async def _stop_one(self, user: Any, spawner: Any) -> None:
        await self._karvdash.app.proxy.delete_user(user, spawner.name)
        await user.stop(spawner.name)

    async def _remove(self, username: str) -> None:
        await delete_person(self._karvdash, username)
