"""Start, stop, start again; the Hub may be restarted meanwhile."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from urllib.parse import quote

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.notebook.server import NotebookServer


def test_it_goes_on_without_the_hub_and_after_its_restart(server: NotebookServer, hub: HubProcess) -> None:
    token = server.owner.token
    assert server.get("/api/status", token).status_code == 200  # now the notebook knows this token
    before = identity(server)
    hub.stop()
    assert server.get("/api/status", token).status_code == 200
    hub.start()
    server.wait_until_ready()
    assert server.get("/api/status", token).status_code == 200
    assert identity(server) == before
    assert "stopping it" not in hub.log()


def test_it_can_be_stopped_and_started_again(person: Callable[..., Person]) -> None:
    server = NotebookServer(person())
    server.start()
    first = identity(server)
    server.stop()
    assert server.get("/api/status", server.owner.token).status_code in (302, 424)
    server.start()
    try:
        assert identity(server)["uid"] != first["uid"]
        assert server.get("/api/status", server.owner.token).status_code == 200
    finally:
        server.stop()


def test_no_reflector_of_kubespawner_runs(stack: Stack, server: NotebookServer) -> None:
    """One would end the Hub's process 53 s after the API server goes away; it logs its beginning."""
    assert server.model()["ready"]
    log = stack.processes["hub"].log_file.read_text(errors="replace")
    assert "Attempting to create pod" in log
    assert re.findall("watching for (?:pods|events) with .*", log) == []


def test_progress_says_what_kubernetes_does(person: Callable[..., Person]) -> None:
    server = NotebookServer(person())
    server.owner.api("POST", f"/users/{server.user}/server", {})
    progress = server.owner.api("GET", f"/users/{server.user}/server/progress").text
    try:
        assert f"Successfully assigned {server.namespace}/" in progress
        assert '"ready": true' in progress
    finally:
        server.stop()


def test_a_user_of_another_sign_in_has_a_host_whatever_the_name(stack: Stack) -> None:
    """Names of local accounts are DNS labels; names from another authenticator need not be."""
    name = f"Ada.Lovelace-{secrets.token_hex(3)}@example.com"
    bootstrap = (stack.state / "secrets" / "bootstrap.token").read_text()
    user = f"/users/{quote(name, safe='')}"
    assert stack.api("POST", user, {}, token=bootstrap)[0] == 201
    _, made = stack.api("GET", user, token=bootstrap)
    _, answer = stack.api("POST", f"{user}/tokens", {"note": "tests"}, token=bootstrap)
    server = NotebookServer(Person(stack, made["name"], "", answer["token"]))
    server.start()
    try:
        assert re.fullmatch(r"http://u--ada-lovelace-[a-z0-9-]+[.]localhost:\d+/user/[^/]+/", server.url)
        assert server.get("/api/status", server.owner.token).status_code == 200
        assert server.sh("kubectl get pods --output name").startswith("pod/jupyter-ada-lovelace-")
    finally:
        server.stop()


def identity(server: NotebookServer) -> dict[str, str]:
    """Which pod it is, and since when its container runs."""
    (pod,) = server.pods()
    (container,) = pod["status"]["containerStatuses"]
    return {
        "name": pod["metadata"]["name"],
        "uid": pod["metadata"]["uid"],
        "started": container["state"]["running"]["startedAt"],
    }
