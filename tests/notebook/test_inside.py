"""What a program inside a notebook can do with what it finds there, and what it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import ClusterError
from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.helpers import labelled, namespace_of
from tests.notebook.server import NotebookServer

NOTEBOOK = Path(__file__).parent / "launch_a_service.ipynb"


@pytest.mark.timeout(400)
def test_the_notebook_of_the_documentation_runs(stack: Stack, server: NotebookServer) -> None:
    """It launches a service, waits for it, reads it and deletes it, and nothing of it is left."""
    name, port = server.owner.name, stack.ports.front
    said = server.execute(NOTEBOOK)

    assert said.pop("templates").split()[0] == "hello-kubernetes"
    assert "deployment.apps/greeting   1/1" in said.pop("kubectl")
    page = said.pop("use").split()
    assert (page[0], page[2]) == ("200", "bytes")
    pod, phase = said.pop("client").split()
    assert pod.startswith("greeting-")
    assert said == {
        "hub": f"{name} works in namespace karvdash-{name}\n",
        "launch": "greeting is starting\n",
        "wait": f"Ready. Open it in your browser: http://greeting-{name}.localhost:{port}/\n",
        "elsewhere": "403 Forbidden\n",
        "delete": "greeting is gone\n",
    }
    assert phase == "Running"
    assert labelled(stack, server.owner) == []


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        # What it is for; otherwise a token that does not work at all would pass.
        pytest.param("GET /karvdash/whoami", 200, id="says-whose-it-is"),
        pytest.param("GET /karvdash/templates/", 200, id="reads-templates"),
        pytest.param("GET /karvdash/services/", 200, id="lists-own-services"),
        pytest.param("GET /user", 200, id="knows-its-owner"),
        pytest.param("GET /users", 403, id="users"),
        pytest.param("GET /users/{other}", 404, id="another-user"),
        pytest.param("GET /groups", 403, id="groups"),
        pytest.param("GET /services", 403, id="hub-services"),
        pytest.param("GET /proxy", 403, id="routes"),
        pytest.param("POST /shutdown", 403, id="shutdown"),
        pytest.param("POST /users/{me}/tokens", 403, id="mint-a-token"),
        pytest.param("GET /users/{me}/tokens", 403, id="list-tokens"),
        pytest.param("POST /users/{other}/tokens", 403, id="mint-a-token-of-another"),
        pytest.param("POST /users/{other}/server", 404, id="start-anothers-notebook"),
        pytest.param("POST /users/{other}/servers/mine", 404, id="start-anothers-server"),
        pytest.param("DELETE /users/{other}/servers/precious", 404, id="stop-anothers-server"),
        pytest.param("GET /users/{other}/servers/precious/progress", 404, id="watch-anothers-server"),
        pytest.param("GET /karvdash/services/precious/", 404, id="read-anothers-service"),
        pytest.param("DELETE /karvdash/services/precious/", 404, id="delete-anothers-service"),
        pytest.param("POST /karvdash/templates/", 403, id="add-a-template"),
        pytest.param("POST /karvdash/services/precious/", 403, id="exec"),
        pytest.param("POST /karvdash/gate/tokens", 403, id="play-the-gate"),
        pytest.param("DELETE /users/{me}", 403, id="delete-oneself"),
    ],
)
def test_the_token_does_what_a_notebook_needs_and_no_more(
    server: NotebookServer, other: Person, request_line: str, status: int
) -> None:
    method, path = request_line.format(me=server.owner.name, other=other.name).split()
    script = (
        f'curl --silent --output /dev/null --write-out "%{{http_code}}" --request {method} '
        '--header "Authorization: token $JUPYTERHUB_API_TOKEN" '
        f'--header "Content-Type: application/json" --data "{{}}" "$JUPYTERHUB_API_URL{path}"'
    )
    assert int(server.sh(script)) == status
    assert other.service("precious")["state"] == "running"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("create configmap made-here --from-literal=a=b", id="create"),
        pytest.param("get configmap made-here", id="read"),
        pytest.param("delete configmap made-here", id="delete"),
        pytest.param("get templates", id="service-templates"),
    ],
)
def test_kubectl_has_the_owners_rights_in_the_owners_namespace(server: NotebookServer, command: str) -> None:
    server.sh(f"kubectl {command}")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("get pods --namespace {other}", id="anothers-pods"),
        pytest.param("get secrets --namespace {other}", id="anothers-secrets"),
        pytest.param("delete deployment precious --namespace {other}", id="anothers-service"),
        pytest.param("get secrets --namespace karvdash", id="the-platforms-secrets"),
        pytest.param("get pods --all-namespaces", id="all-pods"),
        pytest.param("get nodes", id="nodes"),
        pytest.param("create token default --namespace {other}", id="anothers-token"),
    ],
)
def test_kubectl_is_refused_elsewhere(server: NotebookServer, other: Person, command: str) -> None:
    with pytest.raises(ClusterError, match=r"(?i)forbidden"):
        server.sh(f"kubectl {command.format(other=namespace_of(other))}")


def test_nobody_else_gets_in(server: NotebookServer, other: Person) -> None:
    """The notebook asks the Hub who somebody is; its host is the user's own."""
    answers = {
        "owner": server.get("/api/status", server.owner.token).status_code,
        "another": server.get("/api/status", other.token).status_code,
        "stranger": server.get("/api/status").status_code,
    }
    assert answers == {"owner": 200, "another": 403, "stranger": 403}
    assert server.get("/lab").headers["Location"].startswith(server.owner.stack.hub_url + "/hub/api/oauth2/")
