"""Keeps the credentials for image registries in users' namespaces as the administrator's file has them."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from karvdash_hub.errors import Unavailable
from karvdash_hub.kube.pull_secret import ensure_pull_secret
from karvdash_hub.kube.rest import Kube

log = logging.getLogger("jupyterhub.karvdash")


class PullSecrets:
    """Does nothing when there is no file.

    Args:
        file: ``UserNamespaces.registry_credentials``; read each time, since passwords change.
    """

    def __init__(self, kube: Kube, file: str) -> None:
        self._kube = kube
        self._file = Path(file) if file else None
        # Namespace to when it was last right, and with what.
        self._done: dict[str, tuple[float, str]] = {}

    async def ensure(self, namespace: str, *, fresh: float) -> None:
        """Write or repair them in one namespace, unless that was done so many seconds ago.

        Raises: Unavailable if the file cannot be read; KubeError.
        """
        if self._file is None:
            return
        try:
            credentials = self._file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            log.error("UserNamespaces.registry_credentials: %s", error)
            raise Unavailable(
                "The credentials of the image registry cannot be read. An administrator finds the cause in "
                "the Hub's log.",
                "registry-credentials",
            ) from error
        done, what = self._done.get(namespace, (float("-inf"), ""))
        if what != credentials or time.monotonic() - done >= fresh:
            await ensure_pull_secret(self._kube, namespace, credentials)
            self._done[namespace] = time.monotonic(), credentials
