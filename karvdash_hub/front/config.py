"""The front's configuration: settings in, text of nginx.conf out."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import jinja2

from karvdash_hub.front.nginx import Nginx
from karvdash_hub.front.settings import Settings
from karvdash_hub.share import share_dir

#: What applications take for proof of who asks. Only the front says that, in X-Forwarded-User.
IDENTITY_HEADERS = (
    "Remote-User",
    "Remote-Email",
    "Remote-Name",
    "Remote-Groups",
    "X-Remote-User",
    "X-Remote-Group",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Access-Token",
    "X-Authenticated-User",
    "X-Webauth-User",
    "X-Vouch-User",
    "X-Vouch-Token",
    "X-Karvdash-User",
    "X-Karvdash-Token",
    "X-Karvdash-Reason",
    "X-Karvdash-Upstream",
    "X-Original-Host",
    "X-Original-URI",
    "X-Original-Method",
    "X-Scheme",
    "Proxy",
)
_CONNECTIONS = 8192


def render(settings: Settings, nginx: Nginx) -> str:
    """Return the text of nginx.conf."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(share_dir("front")),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - not HTML; texts are quoted for nginx below
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = quoted
    environment.filters["path"] = lambda folder, name: quoted(str(Path(folder) / name))
    default_port = "443" if settings.scheme == "https" else "80"
    return environment.get_template("nginx.conf.j2").render(
        modules=nginx.modules,
        workers=settings.workers,
        user=settings.user,
        folder=settings.folder,
        error_log=settings.error_log if settings.error_log == "stderr" else quoted(settings.error_log),
        log_level=settings.log_level,
        access_log=settings.access_log,
        connections=min(_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2),
        lua_folder=str(share_dir("front")),
        cookie="__Host-karvdash" if settings.scheme == "https" else "karvdash",
        listen=settings.listen,
        certificate=settings.certificate,
        key=settings.key,
        redirect_from=settings.redirect_from,
        trusted_proxies=settings.trusted_proxies,
        hub_proxies=settings.hub_proxies,
        gates=settings.gates,
        scheme=settings.scheme,
        domain=settings.domain,
        hostname=settings.hostname,
        hostname_pattern=re.escape(settings.hostname),
        port=settings.port,
        port_number=settings.port.lstrip(":") or default_port,
        identity_headers=IDENTITY_HEADERS,
    )


def quoted(text: str) -> str:
    """Write a text as one word of nginx's configuration.

    Raises: ValueError if it has a line break or a dollar sign, which nginx could not take literally.
    """
    if re.search(r"[\n\r\0]", text) or re.search(r"\$(?!$)", text):
        raise ValueError(f"{text!r} cannot be written into nginx.conf")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
