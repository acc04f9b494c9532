"""What all our handlers share: who asks, what they may do, how mistakes are answered.

A handler reads the request, calls one function and writes one answer. It may let a ``KarvdashError``
through: its sentence reaches the person, with its status, as JSON from the API and as a page otherwise.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from jupyterhub.apihandlers import APIHandler
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import scope_definitions
from jupyterhub.user import User
from jupyterhub.utils import url_path_join
from tornado import web

from karvdash_hub.errors import FieldError, Forbidden, KarvdashError, NotFound, ValuesInvalid
from karvdash_hub.service_templates.model import ServiceTemplate
from karvdash_hub.spawner.hub import Karvdash

#: Longest body of a request to the API or of an uploaded service template (bytes).
MAX_BODY = 2 * 1024 * 1024

_P = ParamSpec("_P")
_R = TypeVar("_R")


def needs_own(scope: str = "") -> Callable[[Callable[_P, Awaitable[_R]]], Callable[_P, Awaitable[_R]]]:
    """Let a request through if it has ``scope`` for the asker's own things, or for "" any person.

    JupyterHub's ``needs_scope`` looks at names in the address; ours have none, because ``services/redis/``
    is always the asker's own. The handler's argument ``name``, if it has one, is a server of the asker: a
    token for that server alone is enough then.

    Answers as ``needs_scope`` does: 403 to nobody and to a token without the scope, 404 to a token whose
    scope is for other servers.
    """
    if scope and scope not in scope_definitions:
        raise ValueError(f"{scope} is not a scope")

    def decorate(method: Callable[_P, Awaitable[_R]]) -> Callable[_P, Awaitable[_R]]:
        about_server = "name" in inspect.signature(method).parameters

        @functools.wraps(method)
        async def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            handler: Any = args[0]
            handler.require(scope, str(args[1]) if about_server else "")
            return await method(*args, **kwargs)

        return checked

    return decorate


class KarvdashMixin(BaseHandler):  # type: ignore[misc]
    """Access to the rest of karvdash_hub, and its errors as answers."""

    @property
    def karvdash(self) -> Karvdash:
        """The one instance of this Hub."""
        karvdash: Karvdash = self.settings["karvdash"]
        return karvdash

    #: What the audit log calls the object of this request, where the address does not say it.
    audit_object = ""
    #: Whose things a page is about when that is not the asker; set by ``acting``.
    acting_for: User | None = None

    @property
    def owner(self) -> Any:
        """Whose things this is about: the asker's, unless an administrator acts as somebody (``acting``)."""
        return self.acting_for or self.current_user

    @property
    def username(self) -> str:
        """Name of the owner."""
        return str(self.owner.name)

    def require(self, scope: str, server: str = "") -> None:
        """Refuse what ``needs_own`` refuses; with scope "" everybody but strangers is let through."""
        if not isinstance(self.current_user, User):
            raise Forbidden("Missing or invalid credentials: sign in, or send a token of a user.")
        if not self.karvdash.store.is_active(self.current_user.name):
            raise Forbidden("This account is not active. Ask an administrator.", "inactive")
        if not scope or self.may(scope, server):
            return
        if server and scope in self.parsed_scopes:
            raise NotFound(f"There is no service {server!r}.")
        raise Forbidden(f"This needs the scope {scope!r}, which the request does not have.")

    def may(self, scope: str, server: str = "") -> bool:
        """Tell whether the request has this scope for the owner's server, or for all of them."""
        owned = f"server={self.username}/{server}" if server else f"user={self.username}"
        return bool(self.has_scope(f"{scope}!{owned}"))

    async def add_template(self, text: str) -> ServiceTemplate:
        """Add a service template of the asker's own, whose namespace may not exist yet."""
        await self.karvdash.ensure_namespace(self.username)
        return await self.karvdash.library.add(self.karvdash.namespace(self.username), text)

    @property
    def own_url(self) -> str:
        """Where the pages about the owner's things are, with a slash at the end."""
        base = str(self.hub.base_url)
        return f"{base}as/{self.acting_for.escaped_name}/" if self.acting_for else base

    def hub_path(self, *parts: str) -> str:
        """Address of one of our pages about the owner's things, below the Hub's prefix."""
        base = self.hub.base_url if parts[:1] in (("spawn",), ("spawn-pending",)) else self.own_url
        return str(url_path_join(base, *parts))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log a mistake of a person in one line, a defect with its traceback."""
        if isinstance(value, KarvdashError):
            self.log.info(
                "%s %s: %s (%s)", self.request.method, self.request.path, value.reason, value.status
            )
        else:
            super().log_exception(typ, value, tb)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Answer with the status of the error itself."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        super().send_error(error.status if isinstance(error, KarvdashError) else status_code, **kwargs)


class ApiHandler(KarvdashMixin, APIHandler):  # type: ignore[misc]
    """A path below /hub/api/karvdash/: JSON in, JSON out, token or cookie."""

    def json_object(self, *, known: Collection[str] | None = None) -> dict[str, Any]:
        """Return the body, which has to be a JSON object; nothing at all counts as ``{}``.

        Args:
            known: names of fields; None accepts all.
        Raises: KarvdashError; ValuesInvalid with every unknown field.
        """
        body = self.request.body
        if len(body) > MAX_BODY:
            raise KarvdashError(
                f"The request has {len(body)} bytes; at most {MAX_BODY} are read.", "too-large", 413
            )
        try:
            parsed = json.loads(body.decode() or "{}", parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise KarvdashError(f"The body of the request is not JSON: {error}", "json") from error
        if not isinstance(parsed, dict):
            raise KarvdashError("The body of the request must be a JSON object.", "json")
        if known is not None and (unknown := sorted(set(parsed) - set(known))):
            names = ", ".join(sorted(known))
            raise ValuesInvalid(
                FieldError(None, key, f"is not known here; known: {names}.") for key in unknown
            )
        return parsed

    def reply(self, body: Mapping[str, Any], status: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.finish(json.dumps(body, ensure_ascii=False))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer ``{"error": message}``, and ``"errors"`` when there are several or they name a place."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        body: dict[str, Any] = {"error": error_message(error)}
        if errors := getattr(error, "errors", None):
            body["errors"] = [item.to_dict() for item in errors]
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body, ensure_ascii=False))


class PageHandler(KarvdashMixin, BaseHandler):  # type: ignore[misc]
    """A page of the Hub, by Jinja, for somebody who has signed in."""

    async def answer(self, page: str, status: int = 200, **values: Any) -> None:
        """Answer with a page. ``values`` join what every page of the Hub knows."""
        self.set_status(status)
        platform = self.karvdash.platform
        html = await self.render_template(
            page,
            platform=platform,
            own_url=self.own_url,
            acting_for=self.acting_for.name if self.acting_for else "",
            outage=self.karvdash.informers.outage,
            **values,
        )
        self._protect(html)
        self.finish(html)

    def _protect(self, html: str) -> None:
        """Allow scripts and styles from our own files, and the one script in JupyterHub's page head.

        That script is known by its hash, taken from the head only: nothing that a person wrote stands
        there. A site that sets the header itself (tornado_settings) decides alone.
        """
        if "Content-Security-Policy" in self.settings.get("headers", {}):
            return
        head = html.partition("</head>")[0]
        hashes = [f"'sha256-{_digest(script)}'" for script in _inline_scripts(head)]
        rules = [
            "default-src 'self'",
            " ".join(["script-src 'self'", *hashes]),
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'self'",
            self.content_security_policy,
        ]
        self.set_header("Content-Security-Policy", "; ".join(rules))
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Render the Hub's error page with our sentence."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, KarvdashError):
            # JupyterHub's error page shows this attribute of any exception.
            error.jupyterhub_message = error.message  # type: ignore[attr-defined]
        super().write_error(status_code, **kwargs)


def error_message(error: BaseException | None) -> str:
    """Say what happened, without saying anything that a person should not read."""
    if isinstance(error, KarvdashError):
        return error.message
    if isinstance(error, web.HTTPError):
        message = getattr(error, "jupyterhub_message", "") or error.get_message()
        return str(message or error.reason or f"The Hub answered {error.status_code}.")
    return "Something went wrong inside the Hub. Its log has the details; tell an administrator the time."


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _inline_scripts(head: str) -> list[str]:
    """Cut the scripts without ``src`` out of JupyterHub's page head."""
    parts = head.split("<script")[1:]
    return [
        part.partition(">")[2].partition("</script>")[0]
        for part in parts
        if " src=" not in part.partition(">")[0]
    ]


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
