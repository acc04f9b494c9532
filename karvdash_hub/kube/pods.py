"""What is inside a container: its log, and commands run in it.

ref: https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.35/#pod-v1-core (misc operations) and
https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/util/remotecommand/constants.go
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp

from karvdash_hub.kube.errors import Unreachable, from_status
from karvdash_hub.kube.transport import Call, Transport

#: v5 adds only the closing of stdin, which we do not use; an API server before 1.30 knows v4.
_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDOUT, _STDERR, _STATUS = 1, 2, 3
#: A program that writes no line ends is cut into lines of this many bytes.
_LONGEST_LINE = 64 * 1024


class ExecResult(NamedTuple):
    """Outcome of a command.

    Attributes:
        output: what it wrote to stdout and stderr, in the order in which it arrived.
        status: exit status.
        truncated: there was more output than was kept.
    """

    output: str
    status: int
    truncated: bool


async def logs(
    transport: Transport,
    namespace: str,
    pod: str,
    container: str,
    *,
    follow: bool,
    tail: int | None,
    previous: bool,
    timestamps: bool,
    since: str,
    as_user: str | None,
) -> AsyncIterator[str]:
    """See ``Kube.logs``."""
    flags = {"follow": follow, "previous": previous, "timestamps": timestamps}
    params = [(name, "true") for name, wanted in flags.items() if wanted]
    params += [("container", container)] if container else []
    params += [("sinceTime", since)] if since else []
    params += [("tailLines", str(tail))] if tail is not None else []
    call = Call("GET", _path(namespace, pod, "log"), params, accept="*/*", as_user=as_user, what=f"Pod {pod}")
    async with transport.stream(call) as body:
        rest = b""
        async for chunk in body.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                for piece in _pieces(line):
                    yield piece
            if len(rest) >= _LONGEST_LINE:
                for piece in _pieces(rest):
                    yield piece
                rest = b""
        if rest:
            yield rest.decode(errors="replace")


def _pieces(line: bytes) -> list[str]:
    cuts = range(0, len(line) or 1, _LONGEST_LINE)
    return [line[cut : cut + _LONGEST_LINE].decode(errors="replace") for cut in cuts]


async def execute(
    transport: Transport,
    namespace: str,
    pod: str,
    command: Sequence[str],
    *,
    container: str,
    timeout: float | None,
    limit: int,
    as_user: str | None,
) -> ExecResult:
    """See ``Kube.exec``."""
    params = [("stdout", "true"), ("stderr", "true"), *(("command", word) for word in command)]
    params += [("container", container)] if container else []
    path = _path(namespace, pod, "exec")
    call = Call("GET", path, params, as_user=as_user, what=f"Pod {pod}", idempotent=False)
    try:
        async with asyncio.timeout(timeout), transport.websocket(call, _PROTOCOLS) as socket:
            return await _collect(socket, limit, call)
    except TimeoutError as error:
        raise Unreachable(f"Pod {pod}: the command did not end within {timeout:g} s; it goes on.") from error


async def _collect(socket: aiohttp.ClientWebSocketResponse, limit: int, call: Call) -> ExecResult:
    output = bytearray()
    truncated = False
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel in (_STDOUT, _STDERR):
            truncated = truncated or len(output) + len(data) > limit
            output += data[: limit - len(output)]
        elif channel == _STATUS:
            status = _exit_status(json.loads(data), call)
            return ExecResult(output.decode(errors="replace"), status, truncated)
    raise Unreachable(f"{call.what}: the connection broke before the command ended.")


def _exit_status(status: Mapping[str, Any], call: Call) -> int:
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise from_status(int(status.get("code") or 500), status, as_user=call.as_user, what=call.what)


def _path(namespace: str, pod: str, subresource: str) -> str:
    return f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/{subresource}"
