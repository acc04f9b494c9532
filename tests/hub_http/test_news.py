"""Everything that happens reaches an open page as news; nobody looks again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from tests.fixtures.stacks import Person
from tests.hub_http.test_api import events

#: Seconds from what the API says to what the stream has said.
LATE = 2.0


class Page:
    """An open home page: what it shows, by service. It is closed when a service is removed."""

    def __init__(self, owner: Person) -> None:
        self.shown: dict[str, str] = {}
        self.owner = owner
        self._answer = owner.api("GET", "/karvdash/events", stream=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        with self._answer:
            for name, data, _ in events(self._answer):
                if name == "service":
                    self.shown[data["name"]] = data["state"]
                elif name == "removed":
                    self.shown.pop(data["name"], None)
                    return

    def agrees(self, wanted: dict[str, str], seconds: float = 60) -> None:
        """Wait until the API says this, then for the page, which has to say it almost at once."""
        self._until(lambda: self._listed() == wanted, seconds, "the API")
        self._until(lambda: self.shown == wanted, LATE, "the page")

    def _listed(self) -> dict[str, Any]:
        listed = self.owner.api("GET", "/karvdash/services/").json()["objects"]
        return {one["name"]: one["state"] for one in listed}

    def _until(self, condition: Callable[[], bool], seconds: float, who: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{who}: {self._listed()}, shown {self.shown}"
            time.sleep(0.02)


def test_an_open_page_hears_of_everything(person: Callable[..., Person]) -> None:
    alice = person()
    page = Page(alice)
    api = alice.api
    assert api("POST", "/karvdash/services/", json={"id": "redis", "NAME": "cache"}).status_code == 201
    page.agrees({"cache": "running"})
    assert api("POST", "/karvdash/services/cache/stop").status_code == 200
    page.agrees({"cache": "stopped"})
    # By JupyterHub's own ways, which know nothing of pages.
    assert api("POST", f"/users/{alice.name}/servers/cache").status_code in (201, 202)
    page.agrees({"cache": "running"})
    assert api("DELETE", f"/users/{alice.name}/servers/cache", json={"remove": True}).status_code in (
        202,
        204,
    )
    page.agrees({})
    page.reader.join()
