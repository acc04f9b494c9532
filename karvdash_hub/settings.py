"""The platform's settings, as traits of one class: ``c.Platform.public_url = "https://example.com"``.

Refused when they are read, so that an administrator sees a mistake at start-up and no user at launch.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any
from urllib.parse import SplitResult, urlsplit

from traitlets import Bool, Dict, Float, Integer, List, TraitError, Unicode, validate

from karvdash_hub.durations import read_duration
from karvdash_hub.exposure import Exposure

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class Platform(Exposure):
    """What karvdash_hub has to know about the place where it runs."""

    public_url = Unicode(
        "http://localhost:8000",
        help="""
        The Hub's address in browsers, with scheme, host and (if it is not the scheme's own) port.

        Services are opened at ``<service>-<user>.<host>``, users' notebooks at ``<user>.<host>``: a
        wildcard DNS name and, with https, a wildcard certificate have to cover them. Changing it
        changes the address of every service; those that run keep their objects until they are restarted.
        """,
    ).tag(config=True)

    namespace_prefix = Unicode(
        "karvdash-",
        help="""
        What the names of users' namespaces start with; the user's name follows.

        Whatever else selects users' namespaces by name has to use the same prefix. Changing it moves
        nothing: existing namespaces are not found under the new name.
        """,
    ).tag(config=True)

    release_namespace = Unicode(
        "karvdash",
        help="""
        The namespace in which karvdash_hub itself is installed.

        No user may get a namespace of this name. It must not start with ``namespace_prefix``.
        """,
    ).tag(config=True)

    kubeconfig = Unicode(
        "",
        help="""
        Path of the kubeconfig file to use; empty means the pod's own service account.

        ``$KUBECONFIG`` and ``~/.kube/config`` are never read. The file is read once, when the Hub starts.
        """,
    ).tag(config=True)

    registry = Unicode(
        "",
        help="""
        ``host:port`` of the container registry that templates see as ``$REGISTRY``, without scheme.

        Empty means that images named ``$REGISTRY/name`` are looked up at the default registry of the nodes.
        """,
    ).tag(config=True)

    state_dir = Unicode(
        "",
        help="""
        Folder whose ``templates/`` adds service templates to the bundled ones and replaces those of the
        same id.

        Files are read again when they change. Empty means bundled templates only.
        """,
    ).tag(config=True)

    disabled_service_templates = List(
        Unicode(),
        help="""
        Ids of bundled service templates that nobody is offered, for example ``["redis"]``.

        Templates in ``state_dir`` and users' own are not affected. Services that already run go on.
        """,
    ).tag(config=True)

    user_role = Unicode(
        "cluster-admin",
        help="""
        ClusterRole that a user's ``default`` service account gets inside the user's own namespace.

        Everything a user launches is applied with these rights. ``karvdash-user`` is the hardened choice:
        users then cannot change quotas, limits, endpoints and the namespace itself. The Hub's own role has to
        be allowed to ``bind`` it (share/rbac/hub.yaml).
        """,
    ).tag(config=True)

    gpu_resource = Unicode(
        "nvidia.com/gpu",
        help="""
        Extended resource that stands for one GPU in the size of a service.

        Used as request and limit of the first container. Nodes advertise it through their device plugin.
        """,
    ).tag(config=True)

    launches_per_user = Integer(
        10,
        min=1,
        help="""
        Number of launches of one user that proceed at the same time; the others wait in order.

        A launch counts until its service is ready or cannot get ready by itself, at most 20 seconds
        after its objects were made. Running services do not count.
        """,
    ).tag(config=True)

    launches_total = Integer(
        64,
        min=1,
        help="""
        Number of launches of all users that proceed at the same time.

        When it is reached, users take turns, so that one user's hundred launches delay nobody else's one.
        """,
    ).tag(config=True)

    launch_timeout = Float(
        600.0,
        min=1,
        help="""
        Time (in seconds) that a launch may take, without the time it waits for its turn.

        A service that is not ready by then keeps its objects and its logs, and its page says what it
        waits for. It does not undo the launch.
        """,
    ).tag(config=True)

    stuck_patience = Float(
        30.0,
        min=0,
        help="""
        Time (in seconds) that a launch goes on although Kubernetes says it cannot succeed now, for
        example because an image does not exist.

        After it the launch gives its place to the next one. The service keeps its objects and becomes
        ready later if the cause goes away. A notebook that fails for so long is not waited for any
        more; one that only finds no room is, until its ``start_timeout``.
        """,
    ).tag(config=True)

    database_url = Unicode(
        "sqlite:///karvdash.sqlite",
        help="""
        SQLAlchemy URL of the database of accounts, namespaces, hosts and launches.

        It is not JupyterHub's own (``JupyterHub.db_url``). Losing it deletes nothing in the cluster:
        what runs is then listed for an administrator to adopt or delete.
        """,
    ).tag(config=True)

    user_quota = Dict(
        help="""
        ``spec`` of the ResourceQuota in every user namespace, for example
        ``{"hard": {"requests.memory": "64Gi", "pods": "50"}}``.

        Empty means none. A change reaches a namespace when its user next signs in or launches something.
        """,
    ).tag(config=True)

    user_limit_range = Dict(
        help="""
        ``spec`` of the LimitRange in every user namespace: defaults and bounds of containers.

        Empty means none. A change reaches a namespace when its user next signs in or launches something.
        """,
    ).tag(config=True)

    idle_stop = Unicode(
        "never",
        help="""
        Time without use after which services with a page, and notebooks, are stopped: ``8h``, ``90m``,
        ``1d12h`` or ``never``.

        A service template may say otherwise (``idle``). Use is a request that was let in, or bytes on a
        websocket. The service's page and the home page announce it, with a button to keep it. Settings
        and kept volumes stay, as with any stop.
        """,
    ).tag(config=True)

    page_title = Unicode(
        "Karvdash",
        help="""
        Title of the Hub's pages.

        It is shown in the browser's tab and at the top of the home page.
        """,
    ).tag(config=True)

    stock_notebooks = Bool(
        True,
        help="""
        Whether users may start JupyterHub's own notebook server beside service templates.

        If False, only servers that name a service template start. Running notebooks are not stopped.
        """,
    ).tag(config=True)

    hold_launches_at = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="""
        Step at which launches stop and wait for ever, by the service's name: ``namespace``, ``plan``,
        ``dry-run``, ``anchor``, ``apply`` or ``wait``.

        For finding faults: it shows what a Hub leaves that is killed there. Empty (never) in production.
        ``{"redis": "apply"}`` holds every user's service ``redis``.
        """,
    ).tag(config=True)

    @validate("public_url")
    def _check_public_url(self, proposal: Any) -> str:
        url = urlsplit(str(proposal.value).rstrip("/"))
        host = url.hostname or ""
        if url.scheme not in ("http", "https") or not _DOMAIN.fullmatch(host) or url.path or url.query:
            raise TraitError(
                "Platform.public_url must be http://host[:port] or https://host[:port] without a path, "
                f"not {proposal.value!r}"
            )
        return f"{url.scheme}://{url.netloc.lower()}"

    @validate("idle_stop")
    def _check_idle_stop(self, proposal: Any) -> str:
        try:
            read_duration(proposal.value)
        except ValueError as problem:
            raise TraitError(f"Platform.idle_stop, {proposal.value!r}, {problem}") from None
        return str(proposal.value)

    @validate("namespace_prefix")
    def _check_prefix(self, proposal: Any) -> str:
        prefix = str(proposal.value)
        if not _LABEL.fullmatch(prefix.rstrip("-")) or not prefix.endswith("-") or len(prefix) > 32:
            raise TraitError(
                "Platform.namespace_prefix must be lower-case letters, digits and hyphens, end with a "
                f"hyphen and have at most 32 characters, not {prefix!r}"
            )
        return prefix

    @validate("registry")
    def _check_registry(self, proposal: Any) -> str:
        if "://" in proposal.value or "@" in proposal.value or "/" in proposal.value:
            raise TraitError(f"Platform.registry must be host:port, not {proposal.value!r}")
        return str(proposal.value)

    @cached_property
    def _url(self) -> SplitResult:
        return urlsplit(self.public_url)

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return self._url.scheme

    @property
    def domain(self) -> str:
        """Host of the public URL with its port, ``localhost:8000``."""
        return self._url.netloc

    @property
    def hostname_domain(self) -> str:
        """Host of the public URL without port, ``localhost``: what Ingress hosts end with."""
        return self._url.hostname or ""

    def url_of(self, host: str) -> str:
        """Return the address of a host of the domain (without port) in a browser, with a final slash."""
        port = f":{self._url.port}" if self._url.port else ""
        return f"{self.scheme}://{host}{port}/"
