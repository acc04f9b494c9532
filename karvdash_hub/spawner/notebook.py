"""``NotebookSpawner``: KubeSpawner as it has to be here, for JupyterHub's own notebooks.

What is overridden, and why (JupyterHub 6.1.1, KubeSpawner 7.1.0):

    namespace, _ensure_namespace: one namespace a user, by our slug
    service_account     the one with the user's rights; KubeSpawner would mount none
    api                 acts with the user's rights; the Hub's own may not create a pod
    _start_reflector    our watch: KubeSpawner's own makes the Hub exit 53 s after the API server goes away
    _start              our watch of events is open only while somebody wants them; a start that cannot
                        succeed ends, and every one that fails says why in a sentence
    progress            the same sentences among Kubernetes' own words
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import kubespawner.spawner
from jupyterhub.spawner import SpawnException
from kubernetes_asyncio.client import ApiException
from kubespawner import KubeSpawner
from traitlets import TraitError, default, validate

from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.errors import from_status
from karvdash_hub.kube.rest import default_account
from karvdash_hub.readiness.judge import judge
from karvdash_hub.readiness.model import Expected, Snapshot, Verdict
from karvdash_hub.readiness.refusals import explain_refusal
from karvdash_hub.spawner.hub import Karvdash
from karvdash_hub.spawner.registry import Key
from karvdash_hub.waiting import wait_for_event

# KubeSpawner would read $KUBECONFIG or ~/.kube/config and has no setting for another file; our clients
# take their configuration from Platform.kubeconfig.
kubespawner.spawner.load_config = lambda **_: None

#: Namespace of a user whose name clashes with another's: such a user can start nothing.
_NO_NAMESPACE = "none"
#: Seconds before JupyterHub's own limit (start_timeout) at which a start is given up: JupyterHub does not
#: know why it takes so long.
_SOONER = 2.0


class CannotStart(SpawnException):  # type: ignore[misc]
    """Why a server does not start, a sentence for a person, as JupyterHub's pages and its API show it.

    Attributes:
        jupyterhub_message: what they show; of a plain SpawnException that would be its repr.
    """

    def __init__(self, message: str, reason: str, status: int) -> None:
        super().__init__(message, reason=reason, status_code=status)
        self.jupyterhub_message = message


class NotebookSpawner(KubeSpawner):  # type: ignore[misc]
    """A notebook server in its owner's namespace, with the owner's rights, watched by our own watches."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.karvdash = Karvdash.instance()

    @property
    def key(self) -> Key:
        """Whose server this is."""
        return Key(self.user.name, self.name)

    @default("enable_user_namespaces")
    def _default_user_namespaces(self) -> bool:
        return True

    @validate("enable_user_namespaces")
    def _check_user_namespaces(self, proposal: Any) -> bool:
        if not proposal.value:
            raise TraitError("KarvdashSpawner.enable_user_namespaces cannot be False: users have namespaces")
        return True

    @default("service_account")
    def _default_service_account(self) -> str:
        # The user's own account, as in every pod of the namespace; KubeSpawner mounts none unless named.
        return "default"

    def _expand_user_properties(self, template: str, slug_scheme: str | None = None) -> str:
        # KubeSpawner asks for the namespace like this, and would make another slug.
        if template == self.user_namespace_template:
            return Karvdash.instance().namespace_or(self.user.name, _NO_NAMESPACE)
        return str(super()._expand_user_properties(template, slug_scheme))

    def _act_as_user(self) -> None:
        self.api = self.karvdash.stock.core(self.namespace)

    async def _ensure_namespace(self) -> None:
        # The first thing that KubeSpawner.start awaits.
        try:
            await self.karvdash.ensure_place(self.user.name)
        except KarvdashError as error:
            raise CannotStart(error.message, error.reason, error.status) from error
        self._act_as_user()

    # --- how it is doing -------------------------------------------------------------------

    def verdict(self) -> Verdict:
        """Judge the notebook's pod by what is in memory."""
        return self.karvdash.crash_lines.explain(self.key, *self._judged())

    async def last_verdict(self) -> Verdict:
        """Judge it once more before it is removed, with the last lines of its log if they explain it."""
        return await self.karvdash.crash_lines.explain_fully(self.key, *self._judged())

    def _judged(self) -> tuple[Snapshot, Verdict]:
        snapshot = self.karvdash.informers.stock_snapshot(self.namespace, self.pod_name)
        expected = [Expected("Pod", self.pod_name)]
        return snapshot, judge(snapshot, expected=expected, now=time.time(), stopping=False)

    async def _start(self) -> Any:
        if outage := self.karvdash.informers.outage:
            raise CannotStart(f"{outage} Nothing can be started now.", "kubernetes-unreachable", 503)
        # KubeSpawner's progress page is made of the namespace's events, which are watched only when wanted.
        async with self.karvdash.informers.events(self.namespace):
            try:
                return await self._unless_hopeless(super()._start())
            except TimeoutError as error:
                # KubeSpawner's own limit: a profile may have set another one meanwhile.
                verdict = await self.last_verdict()
                late = f" It has not started within {self.start_timeout} seconds."
                raise CannotStart(f"{verdict.message}{late}", "timeout", 500) from error
            except ApiException as error:
                raise CannotStart(_refusal(error, self.namespace), "refused", error.status or 502) from error

    async def _unless_hopeless(self, start: Awaitable[Any]) -> Any:
        """Wait for KubeSpawner; raise CannotStart when the pod cannot run, or has not in time."""
        starting, hopeless = asyncio.ensure_future(start), asyncio.ensure_future(self._hopeless())
        limit = max(self.start_timeout - _SOONER, self.start_timeout / 2)
        try:
            await asyncio.wait({starting, hopeless}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                return starting.result()
            late = "" if hopeless.done() else f" It has not started within {limit:.0f} seconds."
            message = (await self.last_verdict()).message
            raise CannotStart(f"{message}{late}", "timeout" if late else "failing", 500)
        finally:
            starting.cancel()
            hopeless.cancel()
            await asyncio.gather(starting, hopeless, return_exceptions=True)

    async def _hopeless(self) -> None:
        """Return when the pod has been failing for ``stuck_patience``. No room on any node is not failing."""
        wake, mine = asyncio.Event(), (self.namespace, self.pod_name)
        end = self.karvdash.informers.stock.subscribe(lambda *pod: wake.set() if pod == mine else None)
        failing_since: float | None = None
        try:
            while True:
                wake.clear()
                now, verdict = time.monotonic(), self.verdict()
                failing_since = (failing_since or now) if verdict.state == "failing" else None
                left = verdict.recheck
                if failing_since is not None:
                    left = failing_since + self.karvdash.platform.stuck_patience - now
                    if left <= 0:
                        return
                await wait_for_event(wake, left)
        finally:
            end()

    async def answered(self, asking: Awaitable[Any]) -> Any:
        """Wait until the notebook answers HTTP. Raises: CannotStart that says why it does not."""
        try:
            return await asking
        except TimeoutError as error:
            verdict = await self.last_verdict()
            message = verdict.message
            if verdict.state == "running":
                message = (
                    "The notebook's container runs, but does not answer. "
                    f"JupyterHub waited {self.http_timeout} seconds for it."
                )
            raise CannotStart(message, "timeout", 500) from error

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Tell what Kubernetes reports, and in a sentence what that means."""
        told = ""
        # KubeSpawner looks once a second; a start that takes less has left its watch before that.
        async with self.karvdash.informers.events(self.namespace):
            async for event in super().progress():
                yield event
                if (message := self.verdict().message) != told:
                    told = message
                    yield {"message": message, "progress": event.get("progress", 0)}

    async def _start_reflector(self, kind: str, *_: Any, **__: Any) -> Any:
        reflector = self.karvdash.informers.stock
        if kind == "events":
            # KubeSpawner tells old events from new ones by what is there before it creates the pod.
            await self.karvdash.informers.events_known(self.namespace)
        self.__class__.reflectors[self._get_reflector_key(kind)] = reflector
        return reflector


def _refusal(error: ApiException, namespace: str) -> str:
    """Say why the API server did not make the pod."""
    try:
        status = json.loads(error.body or "{}")
    except ValueError:
        status = {}
    message = str(status.get("message") or "")
    if error.status == 403 and "is forbidden: User" not in message and message:
        return explain_refusal(message)
    return from_status(error.status or 0, status, as_user=default_account(namespace), what="Pod").message
