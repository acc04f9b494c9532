"""How the Hub and ``karvdash-hub folders`` ask the files process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from karvdash_hub.errors import KarvdashError, Unavailable

#: Seconds; folders are made in a millisecond, network file systems may need some.
_PATIENCE = 10.0
#: Requests at once, so that a file system that hangs holds up nobody but those who wait for it.
_AT_ONCE = 100


class Unreachable(Unavailable):
    """The files process does not answer; it may do so in a moment."""

    def __init__(self, api: str) -> None:
        message = (
            f"The file service ({api}) does not answer. Try again in a minute; if it stays so, an "
            "administrator has to start it."
        )
        super().__init__(message, "files-unreachable")


class FilesClient:
    """Calls of the internal endpoint. Every method raises KarvdashError: Unreachable, or what was answered.

    Args:
        api: ``http://host:port``.
        token_file: the shared secret, read for every call.
    """

    def __init__(self, api: str, token_file: Path) -> None:
        self._api, self._token_file = api, token_file
        # An own one: JupyterHub's is shared by everything in the process, and has few connections.
        self._http: AsyncHTTPClient = SimpleAsyncHTTPClient(force_instance=True, max_clients=_AT_ONCE)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    async def prepare(self, slug: str) -> None:
        """Make or repair a user's folders."""
        await self._call("PUT", f"folders/{quote(slug, safe='')}")

    async def set_aside(self, slug: str) -> str | None:
        """Rename the folder of a user who was removed; return its new name, None if there was none."""
        kept = (await self._call("DELETE", f"folders/{quote(slug, safe='')}"))["kept"]
        return None if kept is None else str(kept)

    async def removed(self) -> list[dict[str, Any]]:
        """List folders of removed users: name, slug, since (seconds since 1970)."""
        return list((await self._call("GET", "removed"))["objects"])

    async def remove(self, name: str) -> None:
        """Delete one of them for good, however long that takes."""
        await self._call("DELETE", f"removed/{quote(name, safe='')}", patience=0)

    async def _call(self, method: str, path: str, *, patience: float = _PATIENCE) -> dict[str, Any]:
        request = HTTPRequest(
            f"{self._api}/internal/{path}",
            method,
            headers={"Authorization": f"token {self._secret()}"},
            body=b"" if method == "PUT" else None,
            connect_timeout=_PATIENCE,
            request_timeout=patience,
        )
        try:
            answer = await self._http.fetch(request, raise_error=False)
        except (OSError, HTTPClientError) as error:  # the latter for time-outs and closed connections only
            raise Unreachable(self._api) from error
        return self._read(answer)

    def _read(self, answer: HTTPResponse) -> dict[str, Any]:
        if answer.code == 204:
            return {}
        try:
            body = json.loads(answer.body)
            if answer.code == 200:
                return dict(body)
            message, reason = str(body["error"]), str(body["reason"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                f"{self._api} answers {answer.code} and is not the file service: correct files_api.",
                "files-unreachable",
            ) from error
        if answer.code == 403:
            raise Unavailable(
                f"The file service does not accept the Hub's secret: {self._token_file} must hold the "
                "same as the file that it was started with.",
                "files-token",
            )
        raise KarvdashError(message, reason, answer.code)

    def _secret(self) -> str:
        try:
            return self._token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(
                f"The Hub cannot read {self._token_file}, the secret of the file service.", "files-token"
            ) from error
