"""/hub/api/karvdash/services/: the asker's own services, in Karvdash's wire format.

The original client and command line (``karvdash_client``, ``karvdashctl``) work against it: lists come as
``{"objects": [...]}``, the final slash may be missing, variables stand beside ``id`` in the body.
"""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from karvdash_hub.errors import FieldError, ValuesInvalid
from karvdash_hub.handlers.base import ApiHandler, needs_own
from karvdash_hub.handlers.logs import log_events, wanted_log
from karvdash_hub.handlers.streams import Event, EventStream
from karvdash_hub.kube.pods import ExecResult

#: Seconds that a command in a container may take.
EXEC_TIMEOUT = 60.0


class ServicesHandler(ApiHandler):
    """All services of the asker."""

    @needs_own("read:servers")
    async def get(self) -> None:
        """List them; stock notebooks are JupyterHub's and not among them."""
        views = self.karvdash.services.list(self.owner)
        self.reply({"objects": [view.to_dict() for view in views if not view.stock]})

    @needs_own("start:servers")
    async def post(self) -> None:
        """Launch a service template; the answer has the name that the service got."""
        template, values, size = launch_request(self.json_object())
        self.audit_object = template
        view = await self.karvdash.services.create(self, self.owner, template, values, size=size)
        self.audit_object = view.name
        self.reply(view.to_dict(), 201)


class ServiceHandler(ApiHandler):
    """One service of the asker."""

    @needs_own("read:servers")
    async def get(self, name: str) -> None:
        """Show it."""
        self.reply(self.karvdash.services.get(self.owner, name).to_dict())

    @needs_own("custom:karvdash:exec")
    async def post(self, name: str) -> None:
        """Run a command in the first container of one pod, or of every pod."""
        command, everywhere = exec_request(self.json_object(known={"command", "all_pods"}))
        view = self.karvdash.services.get(self.owner, name)
        pods = [pod for pod in view.pods if pod["containers"]]
        done = [await self._run(pod, command) for pod in (pods if everywhere else pods[:1])]
        self.reply({"result": [one.output for one in done], "status": [one.status for one in done]})

    async def _run(self, pod: Mapping[str, Any], command: list[str]) -> ExecResult:
        return await self.karvdash.kube.exec(
            self.karvdash.namespace(self.username),
            pod["name"],
            command,
            container=pod["containers"][0],
            timeout=EXEC_TIMEOUT,
            as_user=self.karvdash.account(self.username),
        )

    @needs_own("start:servers")
    async def patch(self, name: str) -> None:
        """Change variables, size or both, and restart with them."""
        body = self.json_object(known={"variables", "size"})
        values, size = _object(body, "variables"), _object(body, "size")
        view = await self.karvdash.services.change(self, self.owner, name, values or {}, size)
        self.reply(view.to_dict())

    @needs_own("delete:servers")
    async def delete(self, name: str) -> None:
        """Stop and forget it, with everything that it keeps."""
        await self.karvdash.services.delete(self, self.owner, name)
        self.set_status(204)
        self.finish()


class StartHandler(ApiHandler):
    """Start a service that was stopped, with the settings it had."""

    @needs_own("start:servers")
    async def post(self, name: str) -> None:
        """Start it; it is ready later."""
        self.reply((await self.karvdash.services.start(self, self.owner, name)).to_dict())


class StopHandler(ApiHandler):
    """Stop a service and keep its settings."""

    @needs_own("delete:servers")
    async def post(self, name: str) -> None:
        """Stop it; its containers may take half a minute to end."""
        self.reply((await self.karvdash.services.stop(self, self.owner, name)).to_dict())


class EventsHandler(EventStream):
    """What happens to one service, from its launch on."""

    @needs_own("read:servers")
    async def get(self, name: str) -> None:
        """Send its progress until it is ready or cannot get ready."""
        self.karvdash.services.get(self.owner, name)
        await self.send(self._progress(name))

    async def _progress(self, name: str) -> AsyncGenerator[Event, None]:
        async for step in self.karvdash.services.progress(self.owner, name):
            yield Event("progress", step)
        yield Event("end", {})


class LogsHandler(EventStream):
    """The log of one container of a service."""

    @needs_own("read:servers")
    async def get(self, name: str) -> None:
        """Send its last lines, and with ``follow`` those to come."""
        view = self.karvdash.services.get(self.owner, name)
        wanted = wanted_log(view.pods, self.get_argument, self.request.headers.get("Last-Event-ID", ""))
        await self.send(log_events(self.karvdash, self.username, name, wanted))


def launch_request(body: Mapping[str, Any]) -> tuple[str, dict[str, Any], Mapping[str, Any] | None]:
    """Take a launch apart: template, values of its variables, size.

    Raises: ValuesInvalid.
    """
    values = dict(body)
    template = values.pop("id", None)
    size = take_size(values)
    if not isinstance(template, str) or not template:
        raise ValuesInvalid([FieldError(None, "id", "must be the id of a service template.")])
    return template, values, size


def take_size(values: dict[str, Any]) -> Mapping[str, Any] | None:
    """Take ``size`` out of a body in which variables stand beside it. Raises: ValuesInvalid."""
    size = _object(values, "size")
    values.pop("size", None)
    return size


def exec_request(body: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Take a command apart: its words, and whether every pod is to run it.

    A text is split into words as a shell would, but no shell runs it.
    """
    command = body.get("command")
    everywhere = str(body.get("all_pods", "0")).lower() in ("1", "true", "yes")
    try:
        words = shlex.split(command) if isinstance(command, str) else command
    except ValueError as error:
        raise ValuesInvalid([FieldError(None, "command", f"cannot be split into words: {error}.")]) from error
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise ValuesInvalid([FieldError(None, "command", "must be a list of words, the program first.")])
    return words, everywhere


def _object(body: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    value = body.get(key)
    if value is None or isinstance(value, Mapping):
        return value
    raise ValuesInvalid([FieldError(None, key, "must be an object.")])
