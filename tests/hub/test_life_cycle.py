"""A service from launch to deletion, by our API and by JupyterHub's own."""

from __future__ import annotations

import time
from collections.abc import Callable

from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.helpers import labelled, launch, namespace_of, upload, wait_until_empty
from tests.hub.test_half_way import TWINS


def test_launch_stop_start_delete(stack: Stack, person: Callable[..., Person]) -> None:
    """Every state is reached, settings survive the stop, and nothing survives the deletion."""
    alice = person()
    service = launch(alice, "hello-kubernetes", MESSAGE="hello there")
    assert service["name"] == "hello-kubernetes"
    assert service["state"] in ("starting", "running")

    running = alice.wait_for("hello-kubernetes", "running")
    assert running["message"] == "Ready."
    assert running["values"]["MESSAGE"] == "hello there"
    assert f"hello-kubernetes-{alice.name}." in running["url"]

    assert alice.api("POST", "/karvdash/services/hello-kubernetes/stop").status_code == 200
    stopped = alice.wait_for("hello-kubernetes", "stopped")
    assert stopped["values"]["MESSAGE"] == "hello there"
    assert labelled(stack, alice) == []

    assert alice.api("POST", "/karvdash/services/hello-kubernetes/start").status_code == 200
    assert alice.wait_for("hello-kubernetes", "running")["values"]["MESSAGE"] == "hello there"

    assert alice.api("DELETE", "/karvdash/services/hello-kubernetes/").status_code == 204
    wait_until_forgotten(alice, "hello-kubernetes")
    assert labelled(stack, alice) == []


def test_jupyterhubs_own_api_launches_as_well(stack: Stack, person: Callable[..., Person]) -> None:
    """POST .../servers/<name> takes the server's name for $NAME, and DELETE with remove forgets all."""
    alice = person()
    options = {"template": "hello-kubernetes", "variables": {"MESSAGE": "by the Hub"}}
    answer = alice.api("POST", f"/users/{alice.name}/servers/greeting", {"user_options": options})
    assert answer.status_code == 202, answer.text
    assert alice.wait_for("greeting", "running")["values"]["MESSAGE"] == "by the Hub"
    # The service runs when it answers; JupyterHub calls it ready when its proxy has a route as well.
    deadline = time.monotonic() + 10
    while not (model := alice.api("GET", f"/users/{alice.name}/servers/greeting").json())["ready"]:
        assert time.monotonic() < deadline, model
        time.sleep(0.05)
    assert model["user_options"]["profile"] == "hello-kubernetes"

    assert alice.api("DELETE", f"/users/{alice.name}/servers/greeting", {"remove": True}).status_code in (
        202,
        204,
    )
    wait_until_forgotten(alice, "greeting")
    assert labelled(stack, alice) == []


def test_a_taken_name_gets_four_letters(person: Callable[..., Person]) -> None:
    """The second service of one name is called otherwise, and says so in its answer."""
    alice = person()
    first = launch(alice, "hello-kubernetes", NAME="twice")
    second = launch(alice, "hello-kubernetes", NAME="twice")
    assert first["name"] == "twice"
    assert second["name"].startswith("twice-")
    assert len("twice-abcd") == len(second["name"])
    assert second["name"] == second["values"]["NAME"]


def test_a_service_without_http_is_ready_and_says_how_to_connect(person: Callable[..., Person]) -> None:
    """JupyterHub's HTTP check would never succeed."""
    alice = person()
    launch(alice, "redis")
    service = alice.wait_for("redis", "running")
    assert service["url"] is None
    assert [("redis", f"redis.{namespace_of(alice)}.svc", 6379)] == [
        (endpoint["name"], endpoint["host"], endpoint["port"]) for endpoint in service["endpoints"]
    ]


def test_changed_settings_restart_what_runs_and_stay(stack: Stack, person: Callable[..., Person]) -> None:
    """Name and address stay; a refused change leaves the old settings in force."""
    alice = person()
    launch(alice, "hello-kubernetes", MESSAGE="one")
    before = alice.wait_for("hello-kubernetes", "running")
    pods = labelled(stack, alice, "pods")

    path = "/karvdash/services/hello-kubernetes/"
    answer = alice.api("PATCH", path, {"variables": {"MESSAGE": "two", "REPLICAS": 2}})
    assert answer.status_code == 200, answer.text
    after = alice.wait_for("hello-kubernetes", "running")
    assert (before["url"], "two", 2) == (
        after["url"],
        after["values"]["MESSAGE"],
        after["values"]["REPLICAS"],
    )
    # The former pods serve nobody any more, and may still be ending. (Kubernetes may first make a second one
    # with the old settings, since the number of pods changes as well.)
    deadline = time.monotonic() + 40
    while set(pods) & set(now := labelled(stack, alice, "pods")) or len(now) != 2:
        assert time.monotonic() < deadline, now
        time.sleep(0.2)

    refused = alice.api("PATCH", path, {"variables": {"REPLICAS": 99}})
    assert refused.status_code == 400
    assert "REPLICAS" in refused.json()["error"]
    assert alice.service("hello-kubernetes")["values"]["REPLICAS"] == 2

    alice.api("POST", path + "stop")
    alice.wait_for("hello-kubernetes", "stopped")
    assert alice.api("PATCH", path, {"variables": {"MESSAGE": "three"}}).status_code == 200
    assert alice.service("hello-kubernetes")["state"] == "stopped"
    alice.api("POST", path + "start")
    assert alice.wait_for("hello-kubernetes", "running")["values"]["MESSAGE"] == "three"


def test_stopping_a_launch_leaves_nothing(stack: Stack, person: Callable[..., Person]) -> None:
    """A launch that is stopped before it is ready is gone, and can be started again."""
    alice = person()
    launch(alice, "hello-kubernetes", size={"cpu": "500"})
    assert alice.service("hello-kubernetes")["state"] == "starting"
    assert alice.api("POST", "/karvdash/services/hello-kubernetes/stop").status_code == 200
    alice.wait_for("hello-kubernetes", "stopped")
    assert labelled(stack, alice) == []


def test_a_service_cannot_be_renamed(person: Callable[..., Person]) -> None:
    """Objects and addresses carry the name."""
    alice = person()
    launch(alice, "hello-kubernetes")
    alice.wait_for("hello-kubernetes", "running")
    alice.api("POST", "/karvdash/services/hello-kubernetes/stop")
    alice.wait_for("hello-kubernetes", "stopped")
    answer = alice.api("PATCH", f"/users/{alice.name}/servers/hello-kubernetes", {"name": "other"})
    assert answer.status_code == 400
    assert "cannot be renamed" in answer.json()["message"]


def wait_until_forgotten(alice: Person, name: str, seconds: float = 60) -> None:
    """Wait until the API does not know a service any more."""
    deadline = time.monotonic() + seconds
    while alice.api("GET", f"/karvdash/services/{name}/").status_code != 404:
        assert time.monotonic() < deadline, f"{name} is still known: {alice.service(name)}"
        time.sleep(0.1)


def test_a_service_whose_options_became_a_notebooks_is_deleted_whole(
    stack: Stack, person: Callable[..., Person]
) -> None:
    """Options of a stopped server may be replaced; what the service kept goes all the same."""
    alice = person()
    launch(alice, upload(alice, TWINS), PASSWORD="open sesame")
    alice.wait_for("twins", "running")
    assert alice.api("POST", "/karvdash/services/twins/stop").status_code == 200
    alice.wait_for("twins", "stopped")
    kept = ["PersistentVolumeClaim/twins", "Secret/karvdash-twins-values"]
    assert labelled(stack, alice) == kept
    path = f"/users/{alice.name}/servers/twins"
    assert alice.api("PATCH", path, {"user_options": {}}).status_code == 200
    assert alice.api("DELETE", path, {"remove": True}).status_code == 204
    wait_until_empty(stack, alice)
    assert alice.api("GET", "/karvdash/services/").json()["objects"] == []


STUCK = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME}
spec:
  selector: {matchLabels: {app: $NAME}}
  template:
    metadata: {labels: {app: $NAME}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: $IMAGE, command: [httpd, -f]}]
---
kind: Template
name: Stuck
variables:
- {name: NAME, default: stuck}
- {name: IMAGE, default: "busybox:nosuch"}
"""


def test_a_change_takes_over_a_launch_that_waits(person: Callable[..., Person]) -> None:
    """Whoever sees that the image does not exist need not wait until the launch gives up."""
    alice = person()
    launch(alice, upload(alice, STUCK))
    path, deadline = "/karvdash/services/stuck/", time.monotonic() + 60
    while "was not found" not in (service := alice.service("stuck"))["message"]:
        assert time.monotonic() < deadline, service
        time.sleep(0.1)
    # By a launch that has just begun, and by a change of it.
    for image in ("busybox:neither", "busybox"):
        answer = alice.api("PATCH", path, {"variables": {"IMAGE": image}})
        assert answer.status_code == 200, answer.text
    assert alice.wait_for("stuck", "running")["values"]["IMAGE"] == "busybox"
