"""A notebook that does not start says why, in the same words as a service."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.notebook.server import NotebookServer

#: What can go wrong, as profiles, so that one Hub has all of it.
PROFILES = """
busybox = {"image": "busybox"}
c.KubeSpawner.profile_list = [
    {"display_name": name, "slug": name, "kubespawner_override": override}
    for name, override in {
        "image": {"image": "nosuch:1"},
        "room": {"mem_guarantee": "900T", "mem_limit": "900T", "start_timeout": 8},
        "crash": {**busybox, "cmd": ["sh", "-c", "echo no licence; exit 3"], "args": []},
        "silent": {**busybox, "cmd": ["sleep", "600"], "args": []},
        "fine": {},
    }.items()
]
c.KubeSpawner.args = []
c.Spawner.http_timeout = 5
c.Platform.stuck_patience = 2
"""


@pytest.mark.timeout(300)
def test_each_failure_is_told_in_a_sentence(person: Callable[..., Person], hub: HubProcess) -> None:
    hub.restart(PROFILES)
    servers = {slug: NotebookServer(person()) for slug in ("image", "room", "crash", "silent")}
    with ThreadPoolExecutor() as threads:
        told = dict(zip(servers, threads.map(failure_of, servers.values(), servers), strict=True))
    assert {slug: first for slug, (first, _, _) in told.items()} == {
        slug: card for slug, (_, card, _) in told.items()
    }
    sentences = {slug: first for slug, (first, _, _) in told.items()}
    assert sentences["image"] == "Image nosuch:1 was not found in the registry. Check its name and tag."
    assert re.fullmatch(
        r"Needs .* of memory; no node has that much.* It has not started within \d+ seconds[.]",
        sentences["room"],
    )
    assert sentences["crash"].startswith("Container notebook ended with exit code 3")
    assert "Last lines:\nno licence" in sentences["crash"]
    assert sentences["silent"] == (
        "The notebook's container runs, but does not answer. JupyterHub waited 5 seconds for it."
    )
    # While it is tried, the progress page shows the sentence among Kubernetes' own words.
    assert "Pulling image" in told["image"][2] or "was not found in the registry" in told["image"][2]


def test_a_quota_is_told_in_a_sentence(stack: Stack, person: Callable[..., Person]) -> None:
    server = NotebookServer(person())
    # Makes the namespace.
    assert server.owner.api("POST", "/karvdash/templates/hello-kubernetes/preview", {}).status_code == 200
    stack.cluster.kubectl("create", "quota", "none", "--hard=pods=0", "--namespace", server.namespace)
    deadline = time.monotonic() + 30
    quota = ["get", "quota", "none", "--namespace", server.namespace, "--output", "json"]
    while "used" not in json.loads(stack.cluster.kubectl(*quota)).get("status", {}):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    server.owner.api("POST", f"/users/{server.user}/server", {})
    message = failure(server)
    assert message.startswith("Quota exceeded: this needs 1 pod; 0 of 0 are in use (pods).")
    card = server.card()
    assert (card["state"], card["message"]) == ("stopped", message)


def failure_of(server: NotebookServer, slug: str) -> tuple[str, str, str]:
    """Start with a profile; return what the failure says, what the home page says, and all that was told."""
    answer = server.owner.api("POST", f"/users/{server.user}/server", {"profile": slug})
    assert answer.status_code in (201, 202), answer.text
    progress = server.owner.api("GET", f"/users/{server.user}/server/progress").text
    message = failure(server)
    card = server.card()
    assert card["state"] == "stopped"
    return message, card["message"], progress


def failure(server: NotebookServer) -> str:
    """What JupyterHub says about the start that failed, once it has cleared up after it."""
    deadline = time.monotonic() + 90
    while server.model().get("pending"):
        assert time.monotonic() < deadline, server.model()
        time.sleep(0.2)
    events = server.owner.api("GET", f"/users/{server.user}/server/progress").text
    last = json.loads(events.split("data: ")[-1].strip())
    assert last["failed"], last
    return str(last["message"]).removeprefix("Spawn failed: ")
