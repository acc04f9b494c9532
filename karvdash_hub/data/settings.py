"""Settings of data domains, as traits of one class: ``c.DataDomains.files_url = "file:///srv/files"``."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from traitlets import List, TraitError, Unicode, validate
from traitlets.config import LoggingConfigurable

from karvdash_hub.data.claims import VolumeClaim
from karvdash_hub.data.folders import DOMAINS, PRIVATE, Domain
from karvdash_hub.data.location import Location, checked_dir, parse_location

#: ref: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_SIZE = re.compile(r"[1-9][0-9]*(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)?")


class DataDomains(LoggingConfigurable):
    """Where users' files are, and how they come into containers."""

    files_url = Unicode(
        "",
        help="""
        Where the tree of all files is, as the cluster's nodes reach it: ``file:///path`` or
        ``nfs://server/path``.

        Each user gets ``private/<user>`` below it at ``/private`` in every container, and ``shared`` at
        ``/shared``. ``file://`` is a folder of the node: with several nodes it has to be the same network
        file system on each. ``nfs://`` needs the CSI driver ``nfs.csi.k8s.io`` on the cluster. Empty means
        that containers get neither. A change moves no files; a user's volumes follow it at the next launch
        after all pods that use them have ended.
        """,
    ).tag(config=True)

    files_size = Unicode(
        "1Pi",
        help="""
        Size that the volumes of data domains say they have, a Kubernetes quantity.

        Nothing enforces it: a limit for users' files has to be set in the file system. It counts, twice a
        user, in a ResourceQuota of ``requests.storage``. A change reaches volumes that are made after it.
        """,
    ).tag(config=True)

    nfs_mount_options = List(
        Unicode(),
        ["hard"],
        help="""
        Options with which nodes mount ``nfs://``, for example ``["hard", "nfsvers=4.1"]``.

        With ``soft`` a slow server loses what programs have written. Folders of a node (``file://``) are not
        mounted, so these options do not concern them.
        """,
    ).tag(config=True)

    allowed_host_path_dirs = List(
        Unicode(),
        help="""
        Folders of the nodes that users' own pods may mount with ``hostPath``, each exactly as written here.

        A folder below an allowed one is not allowed: whoever can write there could plant a link to ``/``;
        pods mount the allowed folder and name the rest as ``subPath``. Where users can write to it, a pod
        may mount it read-only. Empty means that users' pods mount no folder of a node.
        """,
    ).tag(config=True)

    files_api = Unicode(
        "",
        help="""
        Address of the files process (``python -m karvdash_hub.files``) for the Hub, ``http://host:port``.

        The Hub asks it for a user's folders before every launch, and to set them aside when a user is
        removed. Needed when ``files_url`` is set. It is not an address for browsers.
        """,
    ).tag(config=True)

    files_token_file = Unicode(
        "",
        help="""
        File with the secret that the Hub and the files process share.

        It is read for every request, so that it can be replaced without a restart. Needed when
        ``files_url`` is set. Whoever knows it can make folders and set them aside, but reads no file.
        """,
    ).tag(config=True)

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        if self.files_url and not (self.files_api and self.files_token_file):
            raise TraitError(
                "DataDomains.files_api and DataDomains.files_token_file must be set when files_url is"
            )

    @validate("files_url")
    def _check_files_url(self, proposal: Any) -> str:
        if not proposal.value:
            return ""
        try:
            return str(parse_location(str(proposal.value)))
        except ValueError as error:
            raise TraitError(f"DataDomains.files_url: {error}") from None

    @validate("files_size")
    def _check_files_size(self, proposal: Any) -> str:
        if not _SIZE.fullmatch(proposal.value):
            raise TraitError(f"DataDomains.files_size must be a size such as 100Gi, not {proposal.value!r}")
        return str(proposal.value)

    @validate("allowed_host_path_dirs")
    def _check_host_paths(self, proposal: Any) -> list[str]:
        try:
            folders = [checked_dir(path) for path in proposal.value]
        except ValueError as error:
            raise TraitError(f"DataDomains.allowed_host_path_dirs: {error}") from None
        for folder in folders:
            self._check_host_path(folder)
        return folders

    def _check_host_path(self, folder: str) -> None:
        if folder == "/":
            raise TraitError("DataDomains.allowed_host_path_dirs must not have /, the whole node")
        root = self.root
        if root is None or root.scheme != "file":
            return
        private = f"{root.path}/{PRIVATE}/"
        if private.startswith(f"{folder}/") or f"{folder}/".startswith(private):
            raise TraitError(
                f"DataDomains.allowed_host_path_dirs: {folder!r} would show users the private files of "
                f"others (files_url is {root})"
            )

    @validate("files_api")
    def _check_files_api(self, proposal: Any) -> str:
        parts = urlsplit(proposal.value)
        if proposal.value and (
            parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/")
        ):
            raise TraitError(f"DataDomains.files_api must be http://host:port, not {proposal.value!r}")
        return str(proposal.value).rstrip("/")

    @property
    def root(self) -> Location | None:
        """Where the tree is; None when there are no data domains."""
        return parse_location(self.files_url) if self.files_url else None

    @property
    def volumes(self) -> tuple[Domain, ...]:
        """The data domains that containers get."""
        return DOMAINS if self.files_url else ()

    def claims(self, *, namespace: str, slug: str, username: str) -> list[VolumeClaim]:
        """Return the volumes and claims of one user."""
        root, options = self.root, tuple(self.nfs_mount_options)
        if root is None:
            return []
        return [
            VolumeClaim(root, domain, namespace, slug, username, self.files_size, options)
            for domain in self.volumes
        ]
