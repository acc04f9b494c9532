"""One gate: the table, the visitors, the open connections, and the verdict about a request."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import re
import secrets
import time
from collections import Counter
from typing import NamedTuple

from karvdash_hub.errors import KarvdashError
from karvdash_hub.gate import cookie
from karvdash_hub.gate.activity import Activity
from karvdash_hub.gate.addresses import Addresses
from karvdash_hub.gate.hub import Hub
from karvdash_hub.gate.pages import Pages
from karvdash_hub.gate.people import Identity, People
from karvdash_hub.gate.reach import Reach
from karvdash_hub.gate.relay import Relays
from karvdash_hub.gate.settings import Settings
from karvdash_hub.gate.table import Table
from karvdash_hub.gate.verdict import Request, Verdict, decide
from karvdash_hub.gate.watches import Watches
from karvdash_hub.kube.config import load

log = logging.getLogger(__name__)

#: Seconds that a request waits for a service that is about to be ready, before it gets a page instead.
PATIENCE = 2.0
#: Seconds between two tries to connect to a pod that is ready and does not listen yet.
_RETRY = 0.1
#: Verdicts that a change in the cluster may turn into another one at any moment.
_PASSING = ("starting", "failing")
#: Seconds between two looks at the key file and at connections that outlived their sign-in.
_SECONDS_EACH = 2.0


class Answer(NamedTuple):
    """A verdict, with who it is about."""

    verdict: Verdict
    identity: Identity
    session: cookie.Session | None


class Gate:
    """Everything that one gate process has.

    Raises: KarvdashError if the key file or the kubeconfig cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.site = settings.site
        self.table = Table(
            self.site.hostname,
            settings.namespace_prefix,
            Addresses(settings.pod_ranges),
            settings.pool,
            settings.ingress_class,
        )
        self.keys = cookie.Keys(settings.key_file)
        self.hub = Hub(settings.hub_api, settings.token_file)
        self.activity = Activity(self.hub, settings.report)
        self.relays = Relays(self.activity.note)
        self.people = People(
            self.hub,
            self.relays,
            known=lambda host: self.table.get(host) is not None,
            grace=settings.hub_grace,
        )
        self.watches = Watches(load(settings.kubeconfig), self.table, self.people.gone)
        self.pages = Pages()
        self.reach = Reach()
        self.verdicts: Counter[tuple[int, str]] = Counter()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch and to poll, in the running event loop."""
        self.watches.start()
        loop = asyncio.get_running_loop()
        works = (self.people.poll(), self.activity.run(), self._tidy())
        self._tasks = [loop.create_task(work) for work in works]

    async def stop(self) -> None:
        """Close all connections and end all tasks."""
        for task in self._tasks:
            task.cancel()
        self.relays.close_all()
        await self.watches.stop()

    async def judge(self, request: Request, cookies: str, authorization: str) -> Answer:
        """Decide about a request; waits a moment for a service that is about to answer.

        Args:
            cookies: its Cookie header; cookies that are not the gate's are ignored.
            authorization: its Authorization header.
        """
        session = self.session(request.host, cookies)
        identity = await self.people.identify(request.host, session, authorization)
        verdict = await self._settled(request, identity)
        self.verdicts[(verdict.status, verdict.reason)] += 1
        if verdict.status == 200:
            self.activity.note(request.host)
        return Answer(verdict, identity, session)

    def session(self, host: str, cookies: str) -> cookie.Session | None:
        """Return what the visitor's cookie for this host says, None without a good one.

        A cookie given for another server that had the host before is not good.
        """
        name, now = cookie.cookie_name(secure=self.settings.secure), time.time()
        for value in cookie.values(cookies, name):
            session = self.keys.verify(value, host, now)
            if session is None:
                continue
            known = self.table.get(host)
            if known is None or (known.user, known.server) == (session.owner, session.server):
                return session
        return None

    def login_state(self, cookies: str) -> str:
        """Return what ties a way through the sign-in page to this browser, ``""`` if it has begun none."""
        name = cookie.login_cookie_name(secure=self.settings.secure)
        found = cookie.values(cookies, name)
        return next((value for value in found if re.fullmatch("[0-9a-f]{32}", value)), "")

    def new_login_state(self) -> str:
        """Make a new one."""
        return secrets.token_hex(16)

    async def _settled(self, request: Request, identity: Identity) -> Verdict:
        if not self.watches.synced:
            # It listens from its first moment, and a front with several gates asks it at once.
            await self.watches.synced_within(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while True:
            verdict = self._decide(request, identity)
            pause = deadline - time.monotonic()
            if verdict.status == 200:
                reachable = await self.reach.choose(request.host, verdict.upstream)
                if reachable:
                    return dataclasses.replace(verdict, upstream=reachable)
                verdict = dataclasses.replace(self._silent(request), user=verdict.user)
                pause = min(pause, _RETRY)
            elif verdict.reason not in _PASSING:
                return verdict
            if deadline <= time.monotonic():
                return verdict
            await self.watches.wait(request.host, pause)

    def _decide(self, request: Request, identity: Identity) -> Verdict:
        if not self.watches.synced:
            return Verdict(403, reason="not-synced")
        return decide(request, self.table.get(request.host), identity.visitor, self.site, time.time())

    def _silent(self, request: Request) -> Verdict:
        """The verdict while pods are ready and none can be connected to."""
        host = self.table.get(request.host)
        young = host is not None and time.time() - host.created < 60
        return Verdict(403, reason="starting" if young else "no-answer")

    async def _tidy(self) -> None:
        trouble = ""
        while True:
            await asyncio.sleep(_SECONDS_EACH)
            self.relays.close_expired(time.time())
            try:
                if self.keys.load():
                    log.info("The key file has changed, its keys are in use now")
                trouble = ""
            except KarvdashError as error:
                if str(error) != trouble:
                    log.error("%s The keys from before stay in use.", error)
                trouble = str(error)
