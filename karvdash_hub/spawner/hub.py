"""``Karvdash``: what there is once in a Hub process, and how it starts and ends.

Authenticator.get_handlers ─► Karvdash.start(app): store, watches, templates, services
handlers                   ─► self.settings["karvdash"]
spawners                   ─► Karvdash.instance()
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from karvdash_hub import names
from karvdash_hub.data.settings import DataDomains
from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube import config as kube_config
from karvdash_hub.kube.informers import Informers
from karvdash_hub.kube.library import TemplateLibrary
from karvdash_hub.kube.namespaces import ensure_namespace, is_users
from karvdash_hub.kube.rest import Kube, default_account
from karvdash_hub.kube.settings import UserNamespaces
from karvdash_hub.oidc_settings import OIDCProvider
from karvdash_hub.provider import Provider
from karvdash_hub.readiness.model import Snapshot
from karvdash_hub.settings import Platform
from karvdash_hub.share import share_dir
from karvdash_hub.spawner import idle
from karvdash_hub.spawner.adoption import Adoption
from karvdash_hub.spawner.answers import Probe
from karvdash_hub.spawner.applications import Applications
from karvdash_hub.spawner.crash_lines import CrashLines
from karvdash_hub.spawner.folders import Folders
from karvdash_hub.spawner.outside import Outside
from karvdash_hub.spawner.passwords import Passwords
from karvdash_hub.spawner.pod_tokens import PodTokens
from karvdash_hub.spawner.pull_secrets import PullSecrets
from karvdash_hub.spawner.queue import FairQueue
from karvdash_hub.spawner.reconcile import Reconciler
from karvdash_hub.spawner.records import Records
from karvdash_hub.spawner.registry import Key, Launches
from karvdash_hub.spawner.reminders import Reminders
from karvdash_hub.spawner.repair import Repair
from karvdash_hub.spawner.routes import leave_out_services
from karvdash_hub.spawner.services import Services
from karvdash_hub.spawner.standing import Standing
from karvdash_hub.spawner.stock import StockClients
from karvdash_hub.spawner.users import claim_user
from karvdash_hub.store import Store, UserNamespace

log = logging.getLogger("jupyterhub.karvdash")

#: Launches whose objects are made at the same time.
_MAKING = 8


class Karvdash(Records):
    """Everything that spawners, pages and API share.

    Attributes:
        platform, user_namespaces, data, oidc_settings: settings.
        store: our database.
        kube: the API server, with the Hub's own rights or a user's.
        informers: what is in the cluster now, in memory.
        library: service templates.
        services: what pages and API may do with services.
        launches: what this process is launching or has launched.
        passwords: values of password variables between form and Secret.
        pod_tokens: tokens that pods find in their config.ini.
        folders: users' files and the volumes that lead to them.
        pull_secrets: credentials for image registries.
        repair: puts right what somebody has changed in user namespaces.
        adoption: what an administrator may adopt or delete.
        probe: whether services answer.
        crash_lines: what containers wrote before they ended.
        queue: whose launch is next.
        making: whose objects are made next, one launch a user at once: that takes the Hub's time, while the
            rest of a launch is waiting.
        standing: what changes of accounts order.
        outside: what users have in Kubernetes beside their namespaces.
        applications: who may sign people in with this Hub.
        provider: signs people in at applications (OpenID Connect).
        stock: typed clients for stock notebooks.
    """

    _instance: Karvdash | None = None

    def __init__(self, platform: Platform, app: Any) -> None:
        self.platform = platform
        self.user_namespaces = UserNamespaces(parent=app)
        self.data = DataDomains(parent=app)
        self.oidc_settings = OIDCProvider(parent=app)
        self.app = app
        self.config = kube_config.load(platform.kubeconfig)
        self.store = Store(platform.database_url)
        self.kube = Kube(self.config)
        self.informers = Informers(self.config)
        self.library = TemplateLibrary(
            share_dir("templates", "services"),
            platform.state_dir,
            platform.disabled_service_templates,
            self.config,
            self.kube,
        )
        self.probe = Probe()
        self.crash_lines = CrashLines(self)
        self.queue = FairQueue(per_user=platform.launches_per_user, total=platform.launches_total)
        self.making = FairQueue(per_user=1, total=_MAKING)
        self._door = FairQueue(per_user=1, total=1)
        self.launches = Launches(self.store)
        self.passwords = Passwords(self)
        self.pod_tokens = PodTokens(self)
        self.repair = Repair(self)
        self.folders = Folders(self, self.data)
        self.stock = StockClients(self.config)
        self.pull_secrets = PullSecrets(self.kube, self.user_namespaces.registry_credentials)
        self.services = Services(self)
        self.reconciler = Reconciler(self)
        self.standing = Standing(self)
        self.adoption = Adoption(self)
        self.outside = Outside(self)
        self.applications = Applications(self)
        issuer = f"{platform.public_url.rstrip('/')}{app.hub_prefix}oidc"
        self.provider = Provider(issuer, self.oidc_settings, self.store, self.membership)
        leaving = self.store.leaving()
        self._claims = {one.username: one for one in self.store.namespaces() if one not in leaving}
        self._owners: dict[str, str] = {claim.namespace: name for name, claim in self._claims.items()}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def start(cls, app: Any) -> Karvdash:
        """Make the one instance and start its watches. Call it inside the Hub's event loop."""
        if cls._instance is None:
            cls._instance = karvdash = cls(Platform(parent=app), app)
            app.tornado_settings["karvdash"] = karvdash
            karvdash.passwords.guard()
            leave_out_services(app.proxy, karvdash.launches)
            karvdash.background(karvdash._live())
            karvdash.background(karvdash.standing.run())
        return cls._instance

    @classmethod
    def instance(cls) -> Karvdash:
        """Return the one instance. Raises: RuntimeError if the Hub's authenticator is not one of ours."""
        if cls._instance is None:
            raise RuntimeError(
                "karvdash_hub has not started: JupyterHub.authenticator_class must be KarvdashAuthenticator "
                "or a class with KarvdashHandlersMixin"
            )
        return cls._instance

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the request; what goes wrong is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Background work failed: %s", error, exc_info=None if _expected(error) else error)

    async def _live(self) -> None:
        """Keep watches and reconciler going until the Hub ends, then close every connection."""
        try:
            self.informers.start()
            self.library.start()
            self.repair.objects.start()
            self.background(self.pod_tokens.keep_fresh())
            self.background(self.repair.look_once())
            self.background(self.applications.follow_configuration())
            self.background(self.provider.run())
            self.background(idle.run(self))
            ours = self._owners.__contains__
            self.background(Reminders(self.kube, self.informers, ours).run())
            await self.reconciler.run()
        finally:
            # JupyterHub cancels all tasks when it ends; this is the last of ours.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._close())

    async def _close(self) -> None:
        await asyncio.gather(
            self.informers.stop(),
            self.library.stop(),
            self.repair.objects.stop(),
            self.stock.close(),
            self.kube.close(),
        )
        self.folders.close()
        self.store.close()

    # --- cluster ---------------------------------------------------------------------------

    @property
    def blind(self) -> bool:
        """Whether what is in memory may be wrong: not read yet, or the API server is away."""
        return not self.informers.synced.is_set() or bool(self.informers.outage)

    def snapshot(self, key: Key) -> Snapshot:
        """Return all that is in the cluster of one server."""
        return self.informers.snapshot(self.namespace(key.user), key.server)

    async def pace(self, username: str) -> None:
        """Let one launch in a turn of the event loop, and users take turns.

        A request's way in takes some 10 ms. Of a hundred at once all would be taken in the same turn, and
        every step of another user's launch would wait for all of them.
        """
        async with self._door.turn(username):
            pass

    # --- users -----------------------------------------------------------------------------

    def claim_user(self, username: str) -> UserNamespace:
        """Return slug and namespace of a user, allocated at the first call.

        Raises: KarvdashError if the name cannot be used or clashes with another user's.
        """
        if (known := self._claims.get(username)) is None:
            known = self._claims[username] = claim_user(self.store, self.platform, username)
            self._owners[known.namespace] = username
        return known

    def forget_user(self, username: str) -> None:
        """Forget a user who is removed; the namespace is the reconciler's from now on."""
        self.store.begin_leaving(username)
        self.pod_tokens.forget(username)
        for key in self.launches.forget_user(username):
            self.passwords.forget(key)
        if (claim := self._claims.pop(username, None)) is not None:
            self._owners.pop(claim.namespace, None)

    def has_left(self, username: str) -> bool:
        """Tell whether a user is being removed."""
        return any(claim.username == username for claim in self.store.leaving())

    def user_of(self, namespace: str) -> str | None:
        """Name the user who owns a namespace, or None."""
        return self._owners.get(namespace)

    def namespace(self, username: str) -> str:
        """Name the namespace of a user. See ``claim_user``."""
        return self.claim_user(username).namespace

    def namespace_or(self, username: str, otherwise: str) -> str:
        """Name the namespace of a user, or what to say when the name clashes with another user's."""
        try:
            return self.namespace(username)
        except KarvdashError:
            return otherwise

    def account(self, username: str) -> str:
        """Name the account that acts for a user in the cluster, as ``Kube`` takes it."""
        return default_account(self.namespace(username))

    def service_host(self, username: str, server: str) -> names.Hostname:
        """Name the host of a server, without port."""
        return names.service_host(server, self.claim_user(username).slug, self.platform.hostname_domain)

    async def ensure_namespace(self, username: str, *, fresh: float = 30.0) -> None:
        """Make or repair the user's namespace and volumes, unless that was done so many seconds ago.

        Raises: KarvdashError.
        """
        claim = self.claim_user(username)
        self.standing.check_active(username)
        await ensure_namespace(
            self.kube,
            namespace=claim.namespace,
            username=username,
            slug=claim.slug,
            owner_id=self.store.instance_id,
            user_role=self.platform.user_role,
            quota=self.platform.user_quota,
            limit_range=self.platform.user_limit_range,
            isolation=self.user_namespaces.isolation(self.platform.release_namespace),
            pod_security=not self.data.allowed_host_path_dirs,
            volumes=self.data.volumes,
            api=self.pod_tokens.access(username),
            also=self.outside.subjects(claim),
            may_exist=self.repair.objects.may_exist,
            fresh=fresh,
        )
        await self.outside.ensure(claim, again=fresh == 0)
        await self.pull_secrets.ensure(claim.namespace, fresh=fresh)
        await self.folders.ensure_volumes(claim, fresh=fresh)

    async def has_namespace(self, username: str) -> bool:
        """Tell whether the user's namespace exists and is this Hub's. Raises: KubeError."""
        return await is_users(
            self.kube,
            namespace=self.namespace(username),
            username=username,
            owner_id=self.store.instance_id,
        )

    async def ensure_place(
        self, username: str, *, fresh: float = 30.0, told: Callable[[str], object] | None = None
    ) -> None:
        """Make or repair all that a pod of the user needs: namespace, volumes, and the folders behind them.

        Args:
            told: gets a sentence while something is waited for.
        Raises: KarvdashError.
        """
        await self.ensure_namespace(username, fresh=fresh)
        await self.folders.wait(self.claim_user(username), fresh=fresh, told=told)

    def prepare_namespace(self, username: str) -> None:
        """Make or repair the user's namespace, volumes and folders in the background."""
        self.background(self.ensure_place(username, fresh=0))


def _expected(error: BaseException) -> bool:
    return isinstance(error, KarvdashError)
