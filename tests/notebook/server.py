"""A person's notebook server, as its owner reaches it: by the Hub's API, by its own host, by its shell."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from tests.fixtures.stacks import Person

#: A first start pulls the image (0.5 GB unpacked) on a machine that does other things as well.
START = 120.0


class NotebookServer:
    """The default server of a person."""

    def __init__(self, owner: Person) -> None:
        self.owner = owner
        whoami = owner.api("GET", "/karvdash/whoami").json()
        self.namespace: str = whoami["namespace"]
        self.url: str = whoami["links"]["notebook"]
        self._kubectl = owner.stack.cluster.kubectl

    # --- by the Hub's API --------------------------------------------------------------------

    def start(self, **options: Any) -> None:
        """Start it, and wait until it is ready."""
        answer = self.owner.api("POST", f"/users/{self.user}/server", options)
        assert answer.status_code in (201, 202), answer.text
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the Hub says that it is ready; fail when it says that there is none."""
        deadline = time.monotonic() + START
        while not (model := self.model()).get("ready"):
            assert model, "it did not start"
            assert time.monotonic() < deadline, model
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop it, and wait until its pod is gone."""
        answer = self.owner.api("DELETE", f"/users/{self.user}/server")
        assert answer.status_code in (202, 204), answer.text
        deadline = time.monotonic() + 60
        while self.model() or self.pods():
            assert time.monotonic() < deadline, self.pods()
            time.sleep(0.2)

    def card(self) -> dict[str, Any]:
        """What the owner's home page shows of it: the first that its stream of events tells."""
        with self.owner.api("GET", "/karvdash/events", stream=True) as answer:
            told = next(line for line in answer.iter_lines() if line.startswith(b"data: "))
        (card,) = (one for one in json.loads(told[6:])["objects"] if one["name"] == "")
        return dict(card)

    def model(self) -> dict[str, Any]:
        """The Hub's record; empty when it is stopped."""
        answer = self.owner.api("GET", f"/users/{self.user}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["servers"].get("", {}))

    @property
    def user(self) -> str:
        """The owner's name as it stands in addresses."""
        return quote(self.owner.name, safe="")

    # --- by its host -------------------------------------------------------------------------

    def get(self, path: str, token: str = "") -> requests.Response:
        """Ask it through the front, without following redirects."""
        url = urlsplit(self.url)
        return requests.get(
            f"http://127.0.0.1:{url.port}{url.path.rstrip('/')}{path}",
            headers={"Host": url.netloc, **({"Authorization": f"token {token}"} if token else {})},
            allow_redirects=False,
            timeout=30,
        )

    # --- by its shell ------------------------------------------------------------------------

    def pods(self) -> list[dict[str, Any]]:
        """Its pod, if there is one."""
        found = self._kubectl(
            "get", "pods", "--namespace", self.namespace, "--selector", "component=singleuser-server",
            "--output", "json",
        )  # fmt: skip
        return list(json.loads(found)["items"])

    def sh(self, script: str, *arguments: str) -> str:
        """Run a shell script inside; return what it printed, raise when it fails."""
        (pod,) = self.pods()
        return self._kubectl(
            "exec", "--namespace", self.namespace, pod["metadata"]["name"], "--",
            "sh", "-c", script, "sh", *arguments, timeout=150,
        )  # fmt: skip

    def write(self, name: str, text: str) -> None:
        """Write a small file into the home folder.

        As an argument: containerd may close the standard input of an exec before it has passed it all on,
        and the file is empty (https://github.com/containerd/containerd/issues/12734).
        """
        self.sh('printf %s "$1" > "$2"', text, name)

    def execute(self, notebook: Path) -> dict[str, str]:
        """Run a notebook inside; return what each cell that says something printed, by the cell's id."""
        self.write(notebook.name, notebook.read_text())
        self.sh(f"jupyter execute --inplace {notebook.name}")
        cells = json.loads(self.sh(f"cat {notebook.name}"))["cells"]
        return {
            cell["id"]: "".join("".join(output.get("text", "")) for output in cell["outputs"])
            for cell in cells
            if cell.get("outputs")
        }
