"""The internal endpoint: what the Hub may ask for, with the secret that both know.

    PUT    /internal/folders/<slug>   make or repair a user's folders
    DELETE /internal/folders/<slug>   set the user's folder aside
    GET    /internal/removed          folders that are set aside
    DELETE /internal/removed/<name>   delete one of them for good
    GET    /health, /ready            alive; the tree can be used

Errors are {"error": sentence, "reason": word}, as everywhere.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from karvdash_hub.errors import Forbidden, KarvdashError, NotFound, Unavailable
from karvdash_hub.files.settings import Settings
from karvdash_hub.files.tree import Tree

log = logging.getLogger("karvdash_hub.files")

T = TypeVar("T")

#: Bytes; no request has a body.
_MAX_BODY = 1024
#: Seconds that a file system has to answer for us to be called ready.
_PATIENCE = 2.0


class FilesHandler(RequestHandler):
    """What all answers have in common."""

    def initialize(self, tree: Tree, settings: Settings) -> None:
        self.tree, self.files_settings = tree, settings

    def set_default_headers(self) -> None:
        self.set_header("Server", "karvdash-files")

    async def work(self, step: Callable[[], T]) -> T:
        """Run what may block beside the event loop."""
        return await asyncio.to_thread(step)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, KarvdashError):
            self.set_status(error.status)
            self.finish({"error": error.message, "reason": error.reason})
        else:
            self.finish({"error": f"{self._reason}.", "reason": "error"})

    def log_exception(self, *args: Any) -> None:
        if not isinstance(args[1], KarvdashError):
            super().log_exception(*args)


class InternalHandler(FilesHandler):
    """For whoever knows the secret."""

    def prepare(self) -> None:
        path = self.files_settings.token_file
        try:
            secret = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"The files process cannot read its secret {path}.", "files-token") from error
        if not secret:
            raise Unavailable(f"The secret {path} of the files process is empty.", "files-token")
        given = self.request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"token {secret}".encode()):
            raise Forbidden("The files process answers only who knows its secret.")


class FolderHandler(InternalHandler):
    """One user's folders."""

    async def put(self, slug: str) -> None:
        self.finish(await self.work(lambda: self.tree.prepare(slug)))

    async def delete(self, slug: str) -> None:
        self.finish({"kept": await self.work(lambda: self.tree.set_aside(slug))})


class RemovedHandler(InternalHandler):
    """Folders of removed users."""

    async def get(self) -> None:
        self.finish({"objects": [asdict(one) for one in await self.work(self.tree.removed)]})


class RemovedFolderHandler(InternalHandler):
    """One of them."""

    async def delete(self, name: str) -> None:
        await self.work(lambda: self.tree.remove(name))
        self.set_status(204)


class HealthHandler(FilesHandler):
    """Alive."""

    def get(self) -> None:
        self.finish("ok\n")


class ReadyHandler(FilesHandler):
    """Whether folders can be made now."""

    async def get(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.work(self.tree.check)
        except TimeoutError:
            raise Unavailable(
                f"The file system of {self.tree.root} does not answer.", "files-failed"
            ) from None
        self.finish("ok\n")


class NothingHandler(FilesHandler):
    """Every other address."""

    def prepare(self) -> None:
        raise NotFound("There is nothing at this address.")


def make_server(settings: Settings) -> HTTPServer:
    """Make the server; the caller lets it listen."""
    tree = Tree(settings.root, mounted=settings.mounted)
    handlers: list[tuple[str, type[RequestHandler]]] = [
        (r"/internal/folders/([^/]+)", FolderHandler),
        (r"/internal/removed", RemovedHandler),
        (r"/internal/removed/([^/]+)", RemovedFolderHandler),
        (r"/health", HealthHandler),
        (r"/ready", ReadyHandler),
    ]
    common = {"tree": tree, "settings": settings}
    application = Application(
        [(path, handler, common) for path, handler in handlers],
        default_handler_class=NothingHandler,
        default_handler_args=common,
        log_function=_log,
    )
    return HTTPServer(application, max_body_size=_MAX_BODY)


def _log(handler: RequestHandler) -> None:
    status = handler.get_status()
    if status >= 400:
        log.warning("%s %s: %s", handler.request.method, handler.request.path, status)
