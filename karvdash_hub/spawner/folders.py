"""A user's files: the folders, made by the files process, and the volumes that lead to them.

Pods need both. The volumes are made with the namespace, so that they are there whoever makes a pod; the
folders before every launch and at sign-in. When a user is removed, the folder is set aside after the last
pod has ended and before anybody else can get the name.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from karvdash_hub.data.settings import DataDomains
from karvdash_hub.errors import Unavailable
from karvdash_hub.files.client import FilesClient, Unreachable
from karvdash_hub.kube.storage import ensure_claims, remove_volumes
from karvdash_hub.store import UserNamespace

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash

log = logging.getLogger("jupyterhub.karvdash")

#: Seconds that a launch waits for a files process that does not answer; to start one takes about a second.
PATIENCE = 10.0
_AGAIN = 0.3


class Folders:
    """What users' volumes lead to. Does nothing when there are no data domains (``files_url`` is empty)."""

    def __init__(self, karvdash: Karvdash, settings: DataDomains) -> None:
        self._karvdash = karvdash
        self._settings = settings
        self._files: FilesClient | None = None
        if settings.files_url:
            self._files = FilesClient(settings.files_api, Path(settings.files_token_file))
        # When a user's volumes, or folders, were last seen to be right: (what, namespace) to a time.
        self._done: dict[tuple[str, str], float] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def close(self) -> None:
        """Close connections."""
        if self._files is not None:
            self._files.close()

    async def ensure_volumes(self, user: UserNamespace, *, fresh: float) -> None:
        """Make or repair a user's volumes and claims, unless that was done so many seconds ago.

        The namespace exists. Raises: KarvdashError.
        """
        claims = self._settings.claims(namespace=user.namespace, slug=user.slug, username=user.username)
        async with self._locks.setdefault(user.namespace, asyncio.Lock()):
            if claims and not self._is_fresh("volumes", user, fresh):
                self._done.pop(("volumes", user.namespace), None)
                await ensure_claims(self._karvdash.kube, claims)
                self._done["volumes", user.namespace] = time.monotonic()

    async def ensure(self, user: UserNamespace, *, fresh: float) -> None:
        """Make or repair a user's folders, unless that was done so many seconds ago.

        Raises: Unreachable; KarvdashError with the path and the cure.
        """
        if self._files is not None and not self._is_fresh("folders", user, fresh):
            self._done.pop(("folders", user.namespace), None)
            await self._files.prepare(user.slug)
            self._done["folders", user.namespace] = time.monotonic()

    async def wait(
        self, user: UserNamespace, *, fresh: float, told: Callable[[str], object] | None = None
    ) -> None:
        """As ``ensure``, and give a files process that does not answer some seconds.

        Args:
            told: gets a sentence while it waits.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await self.ensure(user, fresh=fresh)
            except Unreachable as error:
                if time.monotonic() > deadline:
                    message = f"Your folders could not be prepared, so nothing was started. {error}"
                    raise Unavailable(message, error.reason) from error
            if told:
                told("Waiting for the file service, which does not answer.")
            await asyncio.sleep(_AGAIN)

    async def see_off(self, user: UserNamespace) -> None:
        """Set the folder of a removed user aside, whose namespace is gone, and delete the volumes.

        May be repeated. Raises: KarvdashError.
        """
        if self._files is None:
            return
        if kept := await self._files.set_aside(user.slug):
            log.info("The files of the removed user %r are kept in private/%s", user.username, kept)
        claims = self._settings.claims(namespace=user.namespace, slug=user.slug, username=user.username)
        await remove_volumes(self._karvdash.kube, claims)
        for what in ("volumes", "folders"):
            self._done.pop((what, user.namespace), None)

    def _is_fresh(self, what: str, user: UserNamespace, seconds: float) -> bool:
        return time.monotonic() - self._done.get((what, user.namespace), float("-inf")) < seconds
