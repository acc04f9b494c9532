"""``KarvdashSpawner``: what JupyterHub calls for every server.

A server whose ``user_options`` name a service template is launched as that template; every other one is
a stock KubeSpawner notebook. It is decided at start by the options, afterwards by ``state["karvdash"]``,
since options may be edited while a server is stopped.

What is overridden, and why (JupyterHub 6.1.1, KubeSpawner 7.1.0):

    server              its wait_up: JupyterHub would ask every server for HTTP, at launch and at its restart
    poll, get_url, stop never raise: JupyterHub takes an exception for "gone", or keeps nothing of it
    rename              refused: objects, claims and addresses carry the name
    options_from_form, options_from_query, apply_user_options, user_options: ours pass unchanged
    load_state          the namespace is ours to name

What holds for notebooks alone is in ``notebook.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from jupyterhub import __version__
from jupyterhub.spawner import Spawner
from tornado import web
from traitlets import validate

from karvdash_hub.errors import KarvdashError
from karvdash_hub.spawner import launch as steps
from karvdash_hub.spawner import making, removal
from karvdash_hub.spawner import options as launch_options
from karvdash_hub.spawner.feed import Busy
from karvdash_hub.spawner.hub import Karvdash
from karvdash_hub.spawner.notebook import CannotStart, NotebookSpawner
from karvdash_hub.spawner.options import LaunchOptions
from karvdash_hub.spawner.plan import LaunchPlan
from karvdash_hub.spawner.registry import Key, Launch

#: Waiting for one's turn takes as long as it takes, and launch.py has its own clock.
_NO_TIMEOUT = 365 * 24 * 3600
#: Seconds for those who wait to hear that a service is ready, before JupyterHub's part takes the event loop.
_TOLD = 0.02


class KarvdashSpawner(NotebookSpawner):
    """One JupyterHub server: a launched service template, or a stock notebook."""

    _spawn_pending, _proxy_pending, _stop_pending, _check_pending = Busy(), Busy(), Busy(), Busy()
    start_timeout: int
    plan: LaunchPlan | None = None
    #: Work on a running server: a launch taken up again, or a change.
    busy: asyncio.Task[None] | None = None
    #: A launch that was begun and that JupyterHub has not asked for yet.
    ahead: asyncio.Task[str] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._configured_timeout = self.start_timeout

    @property
    def is_template(self) -> bool:
        """Whether this server is, or when started will be, a service template."""
        return self.plan is not None or launch_options.names_template(self.user_options)

    @property
    def launch_options(self) -> LaunchOptions:
        """The options, parsed. Raises: ValuesInvalid."""
        return launch_options.parse(self.user_options)

    # --- life cycle ----------------------------------------------------------------------

    def start(self) -> Any:
        """Launch, and return the address that JupyterHub routes to.

        Raises: CannotStart when it is refused; then nothing is left behind.
        """
        if launch_options.names_template(self.user_options):
            work, self.ahead = self.ahead or self.begin_ahead(), None
            return work
        if not self.karvdash.platform.stock_notebooks:
            raise CannotStart("Choose a service template to start.", "template", 400)
        return super().start()

    def begin_ahead(self) -> asyncio.Task[str]:
        """Begin the launch; ``start()`` goes on with it. See ``ahead.py``."""
        self.ahead = asyncio.create_task(self._start_template())
        return self.ahead

    async def _start_template(self) -> str:
        if (adopted := self.karvdash.adoption.adopting(self.key)) is not None:
            self.remember(adopted)
            return self.hub_url
        options = self.launch_options
        namespace = self.karvdash.claim_user(self.user.name).namespace
        launch = self.karvdash.launches.new(self.key, options.template, namespace)
        begun = False
        try:
            self.karvdash.launches.begin(launch)
            begun = True
            await self.launch(launch, options)
        except KarvdashError as error:
            if begun:  # otherwise the row belongs to what is in the way
                self.karvdash.launches.note(self.key, "failed", error.message)
            launch.refuse(error)
            raise CannotStart(error.message, error.reason, error.status) from error
        finally:
            self.karvdash.launches.end(launch)
        await asyncio.sleep(_TOLD)
        return self.hub_url

    async def launch(self, launch: Launch, options: LaunchOptions, *, resuming: bool = False) -> None:
        """Take the steps of a launch that was begun, each in a function of ``launch.py`` or ``making.py``."""
        karvdash = self.karvdash
        await steps.begin(karvdash, launch)
        steps.claim_singleton(karvdash, launch)
        async with AsyncExitStack() as place:
            await place.enter_async_context(steps.turn(karvdash, launch))
            await steps.prepare(karvdash, launch, resuming)
            async with karvdash.making.turn(launch.key.user):
                plan = await self._make(launch, options, resuming)
            await steps.wait(karvdash, launch, plan, leave=place.aclose)

    async def _make(self, launch: Launch, options: LaunchOptions, resuming: bool) -> LaunchPlan:
        """Make all objects; return the plan as Kubernetes stored it."""
        karvdash = self.karvdash
        plan = await steps.plan(karvdash, launch, options)
        # A change that is taken up again knows what it was to replace by what was remembered.
        beside = plan.beside(self.plan if resuming else None)
        uid = await making.checked_anchor(karvdash, launch, plan, lambda: self.remember(beside))
        plan = await making.apply_all(karvdash, launch, plan, uid)
        await making.prune(karvdash, launch, self.plan, plan)
        self.remember(plan)
        return plan

    async def resume(self) -> None:
        """Do a launch once more that a Hub left half done."""
        namespace = self.karvdash.claim_user(self.user.name).namespace
        launch = self.karvdash.launches.new(self.key, self.launch_options.template, namespace)
        self.karvdash.launches.begin(launch)
        self.log.warning("Taking up the launch of %s", self._log_name)
        try:
            await self.launch(launch, self.launch_options, resuming=True)
        except KarvdashError as error:
            self.karvdash.launches.note(self.key, "failed", error.message)
            await removal.stop(self.karvdash, self.key)
        finally:
            self.karvdash.launches.end(launch)

    def remember(self, plan: LaunchPlan) -> None:
        """Keep what was launched, over a restart of the Hub too."""
        self.plan = plan.remembered()
        self.orm_spawner.state = self.get_state()
        self.user.db.commit()

    async def stop(self, now: bool = False) -> None:
        """Remove everything but settings, kept claims and passwords. Never raises."""
        # A launch or a change that JupyterHub does not know of, and so has not cancelled.
        if self.busy is not None:
            self.busy.cancel()
            await asyncio.wait({self.busy})
        if self.karvdash.has_left(self.user.name):
            return  # everything goes with the namespace
        if self.is_template:
            await removal.stop(self.karvdash, self.key)
        else:
            self._act_as_user()
            await super().stop(now)

    async def poll(self) -> int | None:
        """Return None while anything of the server exists or might exist. Never raises."""
        try:
            if self.karvdash.has_left(self.user.name):
                return None  # until JupyterHub stops it, a moment later
            if self.is_template:
                return None if removal.exists(self.karvdash, self.key) else 0
            if self.karvdash.blind:
                return None
            self._act_as_user()
            status: int | None = await super().poll()
            return status
        except Exception:
            self.log.exception("Cannot tell whether %s runs", self._log_name)
            return None

    async def delete_forever(self) -> None:
        """Destroy what a stop leaves: claims, passwords, address. May be called again and again."""
        if self.karvdash.has_left(self.user.name):
            return  # everything goes with the namespace
        # It may have been a service before its options were changed to those of a notebook.
        if self.is_template or self.karvdash.launches.row(*self.key) is not None:
            await removal.delete(self.karvdash, self.key)
        if not self.is_template:
            self._act_as_user()
            await super().delete_forever()

    async def rename(self, old_name: str, new_name: str) -> None:
        """Refuse."""
        raise web.HTTPError(400, "A service cannot be renamed, but its display_name can be changed.")

    # --- what JupyterHub knows -----------------------------------------------------------

    @property
    def hub_url(self) -> str:
        """The Hub itself. Whatever a spawner returns becomes an open route, so it is never the Service."""
        url = urlsplit(self.hub.url)
        return f"{url.scheme}://{url.netloc}"

    async def get_url(self) -> str:
        """Return what ``server.url`` has to be. Never raises."""
        if self.is_template and self.server is not None:
            return f"{self.hub_url}{self.server.base_url}"
        return str(await super().get_url())

    @property
    def server(self) -> Any:
        """The address; its HTTP check is replaced."""
        server = Spawner.server.fget(self)
        if server is not None and "wait_up" not in vars(server):
            stock_wait_up = server.wait_up

            async def wait_up(*args: Any, **kwargs: Any) -> Any:
                # After a restart of the Hub even a notebook is not asked: one that is slow to answer
                # would be stopped. Whether it lives is seen by poll().
                if self.is_template or self._check_pending:
                    return SimpleNamespace(headers={"X-JupyterHub-Version": __version__})
                return await self.answered(stock_wait_up(*args, **kwargs))

            server.wait_up = wait_up
        return server

    @server.setter
    def server(self, value: Any) -> None:
        Spawner.server.fset(self, value)

    def get_state(self) -> dict[str, Any]:
        """Return what has to survive a restart of the Hub."""
        if self.plan is None:
            return dict(super().get_state())
        return {"karvdash": self.plan.to_state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what ``get_state`` returned."""
        if "karvdash" in state:
            self.plan = LaunchPlan.from_state(state["karvdash"])
        elif not launch_options.names_template(self.user_options):
            super().load_state({key: value for key, value in state.items() if key != "namespace"})

    def clear_state(self) -> None:
        """Forget the run, not the settings."""
        super().clear_state()
        if self.ahead is None:  # else it is JupyterHub's beginning, and the plan is the new one
            self.plan = None

    # --- options -------------------------------------------------------------------------

    @validate("user_options")
    def _strip_passwords(self, proposal: Any) -> Any:
        stored = self.orm_spawner.user_options if self.orm_spawner else None
        if not launch_options.names_template(proposal.value) or proposal.value == stored:
            return proposal.value
        passwords = Karvdash.instance().passwords
        return passwords.strip(Key(self.user.name, self.name), proposal.value, before=stored)

    def run_options_from_form(self, form_data: Mapping[str, Any]) -> Any:
        """Let a form name a template; all other forms are KubeSpawner's."""
        if "template" in form_data:
            return {"template": _first(form_data["template"])}
        return super().run_options_from_form(form_data)

    def options_from_query(self, query_data: Mapping[str, Any]) -> Any:
        """Let no address name a template: a link that somebody follows must not launch anything.

        See ``door.SpawnPage``, which answers before JupyterHub asks.
        """
        options = {key: value for key, value in query_data.items() if key != "template"}
        return super().run_options_from_form(options)

    async def _run_apply_user_options(self, user_options: Mapping[str, Any]) -> None:
        template = launch_options.names_template(user_options)
        self.start_timeout = _NO_TIMEOUT if template else self._configured_timeout
        if not template:
            await super()._run_apply_user_options(user_options)

    # --- progress ------------------------------------------------------------------------

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Tell how far the launch is, until it is over."""
        if not self.is_template:
            async for event in super().progress():
                yield event
            return
        async for view in self.karvdash.services.follow(self.user, self.name):
            yield {"progress": view.percent, "message": view.message}
            if not view.launching:
                return


def _first(value: Any) -> Any:
    """Forms carry every field as a list."""
    return value[0] if isinstance(value, list) and value else value
