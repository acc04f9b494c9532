"""A lean client: what is measured is the server, so the client keeps one connection and does nothing else."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from demo.stack import Stack


class Client:
    """One user's keep-alive connection to the Hub through the front."""

    def __init__(self, stack: Stack, token: str) -> None:
        self.port = stack.ports.front
        self.headers = {"Authorization": f"token {token}", "Host": f"localhost:{self.port}"}
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One call of ``/hub/api/karvdash``."""
        content = None if body is None else json.dumps(body)
        self.connection.request(method, f"/hub/api/karvdash{path}", content, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def wait_running(self, name: str) -> float:
        """Follow the service's events until it runs; return the moment (time.perf_counter)."""
        stream = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        stream.request("GET", f"/hub/api/karvdash/services/{name}/events", headers=self.headers)
        answer = stream.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"events of {name}: {answer.status} {answer.read()!r}")
        try:
            for line in answer:
                if line.startswith(b"data:"):
                    data = json.loads(line[5:])
                    if data.get("state") == "running":
                        return time.perf_counter()
                    if data.get("state") in ("failing", "stopped"):
                        raise RuntimeError(f"{name}: {data}")
        finally:
            stream.close()
        raise RuntimeError(f"the events of {name} ended before it ran")

    def open_service(self, host: str) -> int:
        """The first GET of a service through the front: its status."""
        first = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        first.request("GET", "/", headers={**self.headers, "Host": f"{host}:{self.port}"})
        status = first.getresponse().status
        first.close()
        return status

    def delete(self, name: str) -> None:
        """Delete a service, and come back when it is gone."""
        self.call("DELETE", f"/services/{name}/")
        deadline = time.monotonic() + 60
        while self.call("GET", f"/services/{name}/")[0] == 200:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not go")
            time.sleep(0.05)
