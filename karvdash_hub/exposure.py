"""Settings of how services are opened, which are part of ``Platform``."""

from __future__ import annotations

import re
from typing import Any

from traitlets import Dict, Enum, List, TraitError, Unicode, validate
from traitlets.config import LoggingConfigurable

from karvdash_hub.names import Hostname

_URL_PREFIX = re.compile(r"(?=.{3,40}$)[a-z0-9]+(-[a-z0-9]+)+")


class Exposure(LoggingConfigurable):
    """Who routes requests to services, and at which addresses."""

    service_url_prefixes = List(
        Unicode(),
        help="""
        Names to hand out as addresses of services, ``["lab-one", "lab-two"]`` for ``lab-one.<host>``, instead
        of ``<service>-<user>.<host>``.

        For sites whose DNS or certificate lists names. A service keeps its name until it is deleted; with all
        in use, no service with a page can be launched. Lower-case letters, digits and single hyphens, at
        least one hyphen. The gate reads the same names (``--url-prefixes``), and ``karvdash-hub policies
        apply`` has to be run again.
        """,
    ).tag(config=True)

    exposure = Enum(
        ["gate", "ingress"],
        "gate",
        help="""
        Who routes requests to services: ``gate``, with the front, or ``ingress``, the site's own controller.

        A controller asks the gate who may pass (``/external-auth``). What it does not do as the front does is
        listed in docs/reference/external-auth.md.
        """,
    ).tag(config=True)

    ingress_class = Unicode(
        "traefik",
        help="""
        Class of the Ingresses of services where ``exposure`` is ``ingress``.

        The gate has to know it too (``--ingress-class``).
        """,
    ).tag(config=True)

    ingress_annotations = Dict(
        default_value={
            "traefik.ingress.kubernetes.io/router.middlewares": "karvdash-karvdash-gate@kubernetescrd"
        },
        key_trait=Unicode(),
        value_trait=Unicode(),
        help="""
        Annotations of those Ingresses: what makes the controller ask the gate, and what it has to know about
        TLS, for example ``"traefik.ingress.kubernetes.io/router.tls": "true"``.

        The default names the Middleware in ``share/exposure/traefik.yaml``. Policies let users' Ingresses
        have these annotations, and no others.
        """,
    ).tag(config=True)

    @validate("service_url_prefixes")
    def _check_url_prefixes(self, proposal: Any) -> list[str]:
        names: list[str] = list(proposal.value)
        if wrong := [name for name in names if not _URL_PREFIX.fullmatch(name)]:
            raise TraitError(
                "Platform.service_url_prefixes: use lower-case letters and digits with single hyphens "
                f"between, at least one hyphen, at most 40 characters, not {', '.join(map(repr, wrong))}"
            )
        if names and self.exposure == "ingress":
            raise TraitError(
                "Platform.service_url_prefixes needs Platform.exposure = 'gate': another controller does not "
                "ask whose an address is"
            )
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise TraitError(f"Platform.service_url_prefixes names {', '.join(twice)} twice")
        return names

    @validate("ingress_annotations")
    def _check_ingress_annotations(self, proposal: Any) -> dict[str, str]:
        given: dict[str, str] = dict(proposal.value)
        if not given or any("\n" in name + value or "=" in name for name, value in given.items()):
            raise TraitError(
                "Platform.ingress_annotations needs an annotation at least, no line breaks, and no = in names"
            )
        return given

    @property
    def hostname_domain(self) -> str:
        """Host of the public URL without port, what hosts of services end with."""
        raise NotImplementedError

    @property
    def pool(self) -> tuple[Hostname, ...]:
        """Hosts that are handed out to services, without port; empty if each has one of its own."""
        return tuple(Hostname(f"{name}.{self.hostname_domain}") for name in self.service_url_prefixes)

    @property
    def controller_annotations(self) -> list[str]:
        """Annotations of all Ingresses of services, ``name=value``; empty where the gate routes."""
        given = self.ingress_annotations if self.exposure == "ingress" else {}
        return [f"{name}={value}" for name, value in sorted(given.items())]
