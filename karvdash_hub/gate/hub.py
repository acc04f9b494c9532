"""What the gate asks the Hub: about tickets, tokens and sessions. Nothing else, and never for long.

POST <hub-api>/karvdash/gate/tickets    a ticket, once: who came
POST <hub-api>/karvdash/gate/tokens     a token: whose, and may they open this host
POST <hub-api>/karvdash/gate/sessions   who is signed in where: who no longer may
POST <hub-api>/karvdash/gate/activity   which hosts are used
POST <hub-api>/karvdash/gate/why        what is wrong with a service, for the page that its owner sees
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from karvdash_hub.errors import KarvdashError, Unavailable

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 2.0
REQUEST_TIMEOUT = 5.0
_MAX_ANSWER = 4 * 2**20
#: Questions at once, by what is asked.
_PLACES = {"tickets": 16, "tokens": 4, "sessions": 4, "activity": 1, "why": 4}


class Ticket(NamedTuple):
    """Who showed a good ticket.

    Attributes:
        expires: Unix seconds, when their sign-in at the Hub ends.
        session: what their sign-ins at the Hub have in common until they sign out there.
    """

    user: str
    owner: str
    server: str
    admin: bool
    expires: float
    session: str


class TokenAnswer(NamedTuple):
    """Whose a token is, and whether they may open the host it was shown to."""

    user: str
    allowed: bool


class Pair(NamedTuple):
    """A user signed in at a host (without port), by a sign-in at the Hub (see ``Ticket.session``)."""

    user: str
    host: str
    session: str = ""


class Hub:
    """The Hub's API for the gate.

    Args:
        api: address of the API, ``http://127.0.0.1:8081/hub/api``.
        token_file: holds the gate's token; read at each call, since it may be changed.
    """

    def __init__(self, api: str, token_file: Path) -> None:
        self._api = api.rstrip("/")
        self._token_file = token_file
        # Strangers may send tickets and tokens. Each question has places of its own, so that however many
        # they send, those about sessions are asked.
        self._clients: dict[str, AsyncHTTPClient] = {
            path: SimpleAsyncHTTPClient(force_instance=True, max_clients=places, max_buffer_size=_MAX_ANSWER)
            for path, places in _PLACES.items()
        }
        self.calls: dict[str, int] = {"ok": 0, "failed": 0}

    async def ticket(self, ticket: str, host: str) -> Ticket | None:
        """Use up a ticket. None if the Hub does not know it, not any more, or not for this host.

        Raises: Unavailable if the Hub cannot be asked.
        """
        answer = await self._post("tickets", {"ticket": ticket, "host": host})
        with self._understood():
            return answer and Ticket(
                user=str(answer["user"]),
                owner=str(answer["owner"]),
                server=str(answer["server"]),
                admin=bool(answer["admin"]),
                expires=float(answer["expires"]),
                session=str(answer.get("session", "")),
            )

    async def token(self, token: str, host: str) -> TokenAnswer | None:
        """Ask about a token. None if it is none of the Hub's.

        Raises: Unavailable if the Hub cannot be asked.
        """
        answer = await self._post("tokens", {"token": token, "host": host})
        with self._understood():
            return answer and TokenAnswer(str(answer["user"]), bool(answer["allowed"]))

    async def denied(self, pairs: Iterable[Pair]) -> set[Pair]:
        """Ask which of these may no longer be where they are.

        Raises: Unavailable if the Hub cannot be asked.
        """
        answer = await self._post("sessions", {"sessions": [pair._asdict() for pair in pairs]})
        with self._understood():
            if answer is None:
                raise KeyError("karvdash")
            return {
                Pair(str(item["user"]), str(item["host"]), str(item.get("session", "")))
                for item in answer["denied"]
            }

    async def activity(self, used: Mapping[str, float]) -> None:
        """Tell when hosts were last used (Unix seconds).

        Raises: Unavailable if the Hub cannot be told.
        """
        await self._post("activity", {"activity": used})

    async def why(self, host: str) -> str | None:
        """Ask what there is to say about the service at a host; None if there is no such service (any more).

        Raises: Unavailable if the Hub cannot be asked.
        """
        answer = await self._post("why", {"host": host})
        with self._understood():
            return answer and str(answer["message"])

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except (KeyError, TypeError, ValueError):
            raise self._away("its answer is not the one of karvdash_hub's API for the gate") from None

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST and return the JSON of the answer, None for 404."""
        request = HTTPRequest(
            f"{self._api}/karvdash/gate/{path}",
            method="POST",
            headers={"Authorization": f"token {self._token()}", "Content-Type": "application/json"},
            body=json.dumps(body),
            connect_timeout=CONNECT_TIMEOUT,
            request_timeout=REQUEST_TIMEOUT,
            follow_redirects=False,
        )
        try:
            answer = await self._clients[path].fetch(request)
            data = json.loads(answer.body)
        except HTTPClientError as error:
            if error.code == 404:
                self.calls["ok"] += 1
                return None
            raise self._away(_cause(error)) from None
        except (OSError, ValueError) as error:
            raise self._away(str(error) or type(error).__name__) from None
        self.calls["ok"] += 1
        return data

    def _token(self) -> str:
        try:
            return self._token_file.read_text().strip()
        except OSError as error:
            raise self._away(f"the token file {self._token_file} cannot be read: {error.strerror}") from None

    def _away(self, cause: str) -> KarvdashError:
        self.calls["failed"] += 1
        log.warning("The Hub cannot be asked: %s", cause)
        return Unavailable(f"The Hub cannot be asked: {cause}.", "hub-away")


def _cause(error: HTTPClientError) -> str:
    if error.code == 599:  # tornado's number for "no answer"
        return str(error)
    if error.code in (401, 403):
        return f"it answers {error.code}: does the token file hold the token of service karvdash-gate?"
    return f"it answers {error.code}"
