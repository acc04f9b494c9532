"""What pages and API handlers do with services. They know no spawner and no Kubernetes.

Reading costs no request. Acting goes through JupyterHub's own start and stop, so that its limits, its
admin page, its log and its proxy know of everything.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from karvdash_hub import names
from karvdash_hub.errors import Conflict, ManifestsInvalid, NotFound, Unavailable, ValuesInvalid
from karvdash_hub.kube import apply
from karvdash_hub.service_templates.model import ServiceTemplate
from karvdash_hub.spawner import ahead, changing, following, plan
from karvdash_hub.spawner import options as launch_options
from karvdash_hub.spawner.feed import Feed
from karvdash_hub.spawner.looking import look
from karvdash_hub.spawner.making import in_file
from karvdash_hub.spawner.options import LaunchOptions
from karvdash_hub.spawner.registry import Key
from karvdash_hub.spawner.views import ServiceView

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

#: Seconds that users' own templates get to be read after a start.
_TEMPLATES = 10.0
_CANCEL = 5.0  # seconds that a cancelled launch gets to notice it


class Services:
    """The services of all users. ``user`` is always ``jupyterhub.user.User``."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash
        self._feed = Feed(karvdash)
        # Suffixes of names, not secrets.
        self._random = random.Random()  # noqa: S311

    # --- reading -------------------------------------------------------------------------

    def list(self, user: Any) -> list[ServiceView]:
        """Return all servers of a user by name, stock notebooks included."""
        return [look(self._karvdash, user, name) for name in sorted(user.orm_spawners)]

    def get(self, user: Any, name: str) -> ServiceView:
        """Return one server. Raises: NotFound."""
        if name not in user.orm_spawners:
            raise NotFound(f"There is no service {name!r}.")
        return look(self._karvdash, user, name)

    def subscribe(self, user: Any, callback: Callable[[ServiceView | str], None]) -> Callable[[], None]:
        """Call back with the view of a service of this user that changed, or with the name of one that went.

        Returns: a function that ends it.
        """
        return self._feed.subscribe(user, callback)

    def follow(self, user: Any, name: str) -> AsyncIterator[ServiceView]:
        """Yield the view of a service now and whenever it changes, until it is gone."""
        return following.follow(self._karvdash, user, name)

    def is_same(self, username: str, user_id: int) -> bool:
        """Tell whether JupyterHub's user of this name still is the one with this id."""
        user = self._karvdash.user(username)
        return user is not None and user.id == user_id

    def progress(self, user: Any, name: str) -> AsyncIterator[dict[str, Any]]:
        """Yield ``{"percent", "message", "state", "ready"}`` until a service runs, fails or has stopped."""
        return following.progress(self._karvdash, user, name)

    async def passwords(self, user: Any, name: str) -> dict[str, str]:
        """Return the values of a service's password variables, for its owner's page.

        Raises: NotFound, KubeError.
        """
        options = self._options(user, name)
        return await self._karvdash.passwords.values(Key(user.name, name), options)

    async def preview(
        self, user: Any, template_id: str, values: Mapping[str, Any], size: Mapping[str, Any] | None = None
    ) -> dict[str, Sequence[Any]]:
        """Return what a launch would create, and everything that is wrong with it, without doing it.

        Raises: NotFound, TemplateInvalid, Unavailable.
        """
        karvdash, username = self._karvdash, user.name
        template = self._find(username, template_id)
        try:
            name = self._free_name(user, self._wanted_name(template, values))
            options = plan.checked_options(self._karvdash, template, name, values, size)
            made = plan.make_plan(karvdash, Key(username, name), "preview", options, {})
        except (ValuesInvalid, ManifestsInvalid) as error:
            return {"objects": [], "errors": [item.to_dict() for item in error.errors]}
        self._need_kubernetes()
        await karvdash.ensure_namespace(username)
        refusals = await apply.dry_run(karvdash.kube, made.manifests, as_user=karvdash.account(username))
        errors = [one.to_dict() for one in in_file(made, refusals)]
        return {"objects": list(made.manifests), "errors": errors}

    # --- acting --------------------------------------------------------------------------

    async def create(
        self,
        handler: Any,
        user: Any,
        template_id: str,
        values: Mapping[str, Any],
        *,
        size: Mapping[str, Any] | None = None,
        display_name: str = "",
    ) -> ServiceView:
        """Launch a service template as a new server of the user.

        Returns when Kubernetes has accepted everything, or when the launch waits for its turn.

        Raises: KarvdashError, and leaves nothing behind.
        """
        await self._karvdash.pace(user.name)
        template = await self._find_soon(user.name, template_id)
        wanted = self._wanted_name(template, values)
        self._need_kubernetes()
        await handler._check_named_server_request(
            user, names.suggest_server_name(wanted), display_name or wanted
        )
        # From here to the record no await: of two requests at once the second sees the first.
        name = self._free_name(user, wanted)
        options = plan.checked_options(self._karvdash, template, name, values, size)
        self._check_singleton(user, template)
        try:
            await self._spawn(handler, user, name, display_name or name, options.to_dict())
        except BaseException:
            await self._karvdash.drop_record(Key(user.name, name))
            raise
        return self.get(user, name)

    async def start_adopted(self, handler: Any, user: Any, name: str, options: LaunchOptions) -> None:
        """Let JupyterHub take a server for started that runs already. See adoption.py."""
        user.get_or_create_spawner(name, name, replace_failed=True)
        await self._spawn(handler, user, name, name, options.to_dict())

    async def start(self, handler: Any, user: Any, name: str) -> ServiceView:
        """Start a stopped service with the settings it had; nothing happens if it runs.

        Raises: NotFound, KarvdashError when it is refused; the settings stay.
        """
        view = self.get(user, name)
        spawner = user.spawners[name]
        if spawner.pending == "stop":
            raise Conflict(f"{name} is being stopped. Start it again in a moment.", "pending")
        if not spawner.active:
            self._need_kubernetes()
            await self._spawn(handler, user, name, view.display_name, None)
        return self.get(user, name)

    async def stop(self, handler: Any, user: Any, name: str) -> ServiceView:
        """Stop a service and keep its settings; nothing happens if it is stopped.

        Returns at once; its containers may take half a minute to end. Raises: NotFound, Unavailable.
        """
        self.get(user, name)
        await self._stop(handler, user, name)
        return self.get(user, name)

    async def change(
        self,
        handler: Any,
        user: Any,
        name: str,
        values: Mapping[str, Any],
        size: Mapping[str, Any] | None = None,
    ) -> ServiceView:
        """Change variables, size or both. A service that runs restarts with them, with name and address.

        Raises: NotFound, KarvdashError when the new settings are refused; the old ones go on.
        """
        before = self._options(user, name)
        template = await self._find_soon(user.name, before.template)
        merged = {**before.variables, **values}
        after = plan.checked_options(
            self._karvdash, template, name, merged, before.size if size is None else size
        )
        await changing.change(self._karvdash, handler, user, name, after.to_dict())
        return self.get(user, name)

    async def delete(self, handler: Any, user: Any, name: str) -> None:
        """Stop a service and forget it: settings, passwords, claims, address.

        Returns when that is certain to happen, which may be before it has happened.
        Raises: NotFound, Unavailable.
        """
        self.get(user, name)
        if not name:
            raise Conflict("The default notebook cannot be deleted, only stopped.", "default-server")
        key = Key(user.name, name)
        self._need_kubernetes()
        # Written first, so that a Hub that is killed now finishes it later.
        self._karvdash.launches.note(key, "deleted")
        stopping = await self._stop(handler, user, name)
        if stopping is None:
            await self._karvdash.drop_record(key)
        else:
            self._karvdash.background(self._drop_after(stopping, key))

    # --- parts ---------------------------------------------------------------------------

    async def _spawn(
        self, handler: Any, user: Any, name: str, display_name: str, options: Mapping[str, Any] | None
    ) -> None:
        """Let JupyterHub start a server; return when the launch is accepted.

        Raises: KarvdashError when it is refused.
        """
        key = Key(user.name, name)
        self._karvdash.launches.check_not_being_deleted(key)
        accepted = self._karvdash.launches.expect(key)
        try:
            await ahead.spawn(self._karvdash, handler.spawn_single_user, user, name, display_name, options)
            # None when it has succeeded already.
            spawning = user.spawners[name]._spawn_future
            if spawning is not None:
                await asyncio.wait({accepted, spawning}, return_when=asyncio.FIRST_COMPLETED)
                if not accepted.done() or accepted.exception() is not None:
                    # JupyterHub clears up after a failure before its future is done.
                    await asyncio.wait({spawning})
        finally:
            self._karvdash.launches.expect_no_more(key)
        if accepted.done():
            accepted.result()
        elif spawning is not None:
            spawning.result()

    async def _stop(self, handler: Any, user: Any, name: str) -> asyncio.Future[Any] | None:
        """Stop a server, also one that is just starting.

        Returns: what is done when it has stopped; None if there was nothing to stop.
        """
        spawner = user.spawners[name]
        if spawner.pending == "stop":
            return _stop_future(spawner)
        if not spawner.active:
            return None
        self._need_kubernetes()
        if spawner.pending == "spawn" and (spawning := spawner._spawn_future) is not None:
            spawning.cancel()
            await asyncio.wait({spawning}, timeout=_CANCEL)
        if spawner.pending:
            raise Conflict(f"{name} is busy ({spawner.pending}). Try again in a moment.", "pending")
        # Before the answer, since JupyterHub calls our stop() only after a poll, and may be killed before.
        if (row := self._karvdash.launches.row(user.name, name)) is not None and row.state == "ready":
            self._karvdash.launches.note(Key(user.name, name), "removed")
        # It would wait for slow_stop_timeout; the future that it sets is all that is needed.
        call = asyncio.ensure_future(handler.stop_single_user(user, name))
        await asyncio.sleep(0)
        return _stop_future(spawner) or cast("asyncio.Future[Any]", await call)

    async def _drop_after(self, stopping: asyncio.Future[Any], key: Key) -> None:
        await asyncio.wait({stopping})
        await self._karvdash.drop_record(key)

    def _need_kubernetes(self) -> None:
        if outage := self._karvdash.informers.outage:
            raise Unavailable(f"{outage} Try again when it is back.", "kubernetes-unreachable")

    async def _find_soon(self, username: str, template_id: str) -> ServiceTemplate:
        """Find a template; right after a start of the Hub users' own ones may not have been read yet."""
        with suppress(NotFound):
            return self._find(username, template_id)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._karvdash.library.synced(), _TEMPLATES)
        return self._find(username, template_id)

    def _find(self, username: str, template_id: str) -> ServiceTemplate:
        return self._karvdash.library.find(self._karvdash.namespace(username), template_id)

    def _options(self, user: Any, name: str) -> LaunchOptions:
        record = user.orm_spawners.get(name)
        if record is None or not launch_options.names_template(record.user_options):
            raise NotFound(f"There is no service {name!r}.")
        return launch_options.parse(record.user_options)

    def _wanted_name(self, template: ServiceTemplate, values: Mapping[str, Any]) -> str:
        default = template.variable("NAME")
        return str(values.get("NAME") or (default.default if default else "") or template.id)

    def _free_name(self, user: Any, wanted: str) -> str:
        """Choose a name that no server of the user has. No await between this and the record."""
        candidates = names.name_candidates(wanted, self._random)
        launches = self._karvdash.launches
        return next(
            name
            for name in candidates
            if name not in user.orm_spawners and not launches.is_being_deleted(Key(user.name, name))
        )

    def _check_singleton(self, user: Any, template: ServiceTemplate) -> None:
        if not template.singleton:
            return
        for name, record in user.orm_spawners.items():
            if (record.user_options or {}).get("template") == template.id:
                raise Conflict(
                    f"There can be only one {template.name}, and you have {name}. "
                    "Open or start that one, or delete it first.",
                    "singleton",
                )


def _stop_future(spawner: Any) -> asyncio.Future[Any] | None:
    """What is done when a server has stopped; JupyterHub 6.1.1 sets it at the first stop."""
    return getattr(spawner, "_stop_future", None)
