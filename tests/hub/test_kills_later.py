"""A Hub that is killed while something ends, changes or waits for its turn."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator

import pytest

from demo.stack import Stack
from tests.fixtures.stacks import Person, make_person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import labelled, launch, namespace_of, upload, wait_until_empty
from tests.hub.test_half_way import CHANGING
from tests.hub.test_kills import kill_at_each, post_without_answer, send, whole, without_pods

#: Its container does not listen to SIGTERM, so that whatever ends it takes a known time.
STUBBORN = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: $NAME, labels: {karvdash.io/keep: "true"}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: $NAME}
spec:
  selector: {matchLabels: {app: $NAME}}
  template:
    metadata: {labels: {app: $NAME}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 6
      containers:
      - name: web
        image: busybox
        command: [sh, -c, "trap '' TERM; while true; do sleep 1; done"]
        env: [{name: PASSWORD, value: $PASSWORD}]
---
kind: Template
name: Stubborn
variables:
- {name: NAME, default: stubborn}
- {name: PASSWORD, type: password, default: ""}
"""
KEPT = ["PersistentVolumeClaim/stubborn", "Secret/karvdash-stubborn-values"]
RUNNING = ["ConfigMap/karvdash-stubborn", "Deployment/stubborn", *KEPT]


def wait_until_it_ends(stack: Stack, somebody: Person) -> None:
    """Wait until the anchor is gone and the pod got its SIGTERM, which it does not hear."""
    deadline = time.monotonic() + 20
    where = ["--namespace", namespace_of(somebody), "--selector", "karvdash.io/server", "--output", "json"]
    while True:
        pods = json.loads(stack.cluster.kubectl("get", "pods", *where))["items"]
        ending = [pod for pod in pods if "deletionTimestamp" in pod["metadata"]]
        if ending and not labelled(stack, somebody, "configmaps"):
            return
        assert pods, "the pod was gone before the Hub could be killed"
        assert time.monotonic() < deadline, f"does not end: {labelled(stack, somebody)}"
        time.sleep(0.1)


def remove_at_once(stack: Stack, somebody: Person) -> None:
    """Delete what somebody has, and do not wait until the pod is killed."""
    somebody.remove_everything()
    wait_until_it_ends(stack, somebody)
    now = ["--all", "--force", "--grace-period=0"]
    stack.cluster.kubectl("delete", "pods", "--namespace", namespace_of(somebody), *now)
    wait_until_empty(stack, somebody)


def test_a_stop_that_takes_long_survives_the_hub(
    stack: Stack, person: Callable[..., Person], hub: HubProcess
) -> None:
    """Killed while the pod ends: the claim and the password stay, all else goes, and it starts again."""
    alice = person()
    template = upload(alice, STUBBORN)
    launch(alice, template, PASSWORD="open sesame")
    alice.wait_for("stubborn", "running")
    assert alice.api("POST", "/karvdash/services/stubborn/stop").status_code == 200
    wait_until_it_ends(stack, alice)
    hub.kill()
    hub.start()

    alice.wait_for("stubborn", "stopped")
    assert labelled(stack, alice) == KEPT
    assert alice.api("POST", "/karvdash/services/stubborn/start").status_code in (200, 201, 202)
    alice.wait_for("stubborn", "running")
    assert without_pods(stack, alice) == RUNNING
    assert environment(stack, alice, "PASSWORD") == "open sesame"
    remove_at_once(stack, alice)


def test_a_deletion_that_takes_long_survives_the_hub(
    stack: Stack, person: Callable[..., Person], hub: HubProcess
) -> None:
    """Killed when the deletion was promised, and claim and password are still there: they go too."""
    alice = person()
    template = upload(alice, STUBBORN)
    launch(alice, template, PASSWORD="open sesame")
    alice.wait_for("stubborn", "running")
    assert alice.api("DELETE", "/karvdash/services/stubborn/").status_code == 204
    wait_until_it_ends(stack, alice)
    assert [one for one in KEPT if one not in labelled(stack, alice)] == []
    hub.kill()
    hub.start()

    wait_until_empty(stack, alice)
    wait_until_unknown(alice, "stubborn")
    # The name is free, and nothing of the former service comes back with it.
    assert launch(alice, template)["name"] == "stubborn"
    alice.wait_for("stubborn", "running")
    assert environment(stack, alice, "PASSWORD") == ""
    remove_at_once(stack, alice)


#: Until Kubernetes has accepted the new settings, the old ones are in force.
IN_FORCE = {"plan": "old", "dry-run": "old", "anchor": "new", "apply": "new", "wait": "new"}


@pytest.fixture(scope="module")
def changing(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Person]]:
    """People whose service was being changed when the Hub was killed, by the step; it runs again."""
    people = {step: make_person(stack, "k" + secrets.token_hex(4)) for step in IN_FORCE}
    for step, somebody in people.items():
        launch(somebody, "hello-kubernetes", NAME=step, MESSAGE="old")
    for step, somebody in people.items():
        somebody.wait_for(step, "running")

    def change(step: str) -> None:
        send(people[step], "PATCH", f"/karvdash/services/{step}/", {"variables": {"MESSAGE": "new"}})

    kill_at_each(HubProcess(stack, tmp_path_factory.mktemp("changing")), IN_FORCE, change)
    yield people
    for somebody in people.values():
        somebody.remove_everything()


@pytest.mark.parametrize("step", IN_FORCE)
def test_a_change_killed_at_any_step_is_whole(stack: Stack, changing: dict[str, Person], step: str) -> None:
    alice = changing[step]
    wait_until_settled(stack, alice, step, IN_FORCE[step])
    assert without_pods(stack, alice) == whole(step)
    assert alice.service(step)["values"]["MESSAGE"] == IN_FORCE[step]
    # And it can be changed again.
    again = alice.api("PATCH", f"/karvdash/services/{step}/", {"variables": {"MESSAGE": "newer"}})
    assert again.status_code == 200, again.text
    wait_until_settled(stack, alice, step, "newer")
    alice.remove_everything()
    wait_until_empty(stack, alice)


def test_a_change_taken_up_again_removes_what_it_replaces(
    stack: Stack, person: Callable[..., Person], hub: HubProcess
) -> None:
    """The new settings give objects other names: those of before are not left beside them."""
    alice = person()
    launch(alice, upload(alice, CHANGING))
    alice.wait_for("changing", "running")
    before = labelled(stack, alice)
    hub.restart("c.Platform.hold_launches_at = {'changing': 'apply'}")
    since = len(hub.log())
    send(alice, "PATCH", "/karvdash/services/changing/", {"variables": {"WHICH": "two"}})
    hub.wait_for_log("at apply", since)
    hub.kill()
    hub.start()

    wanted = [one.replace("changing-one", "changing-two") for one in before]
    deadline = time.monotonic() + 60
    while wanted != (found := labelled(stack, alice)):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert alice.wait_for("changing", "running")["values"]["WHICH"] == "two"
    alice.remove_everything()
    wait_until_empty(stack, alice)


def test_those_that_wait_for_their_turn_get_it_after_the_hub_was_killed(
    stack: Stack, person: Callable[..., Person], hub: HubProcess
) -> None:
    """One holds the only place, two wait; afterwards all three run, each once."""
    alice = person()
    one_at_a_time = "c.Platform.launches_per_user = 1"
    hub.restart(one_at_a_time, "c.Platform.hold_launches_at = {'one': 'apply'}")
    since = len(hub.log())
    names = ["one", "two", "three"]
    post_without_answer(alice, "hello-kubernetes", NAME="one", MESSAGE="I am one")
    hub.wait_for_log("at apply", since)
    for name in names[1:]:
        launch(alice, "hello-kubernetes", NAME=name, MESSAGE=f"I am {name}")
    waiting = {name: alice.service(name)["message"] for name in names[1:]}
    assert waiting == {
        "two": "Waiting: this launch is the next of yours.",
        "three": "Waiting: 1 of your launches is ahead.",
    }
    hub.kill()
    hub.start(one_at_a_time)

    for name in names:
        assert alice.wait_for(name, "running")["values"]["MESSAGE"] == f"I am {name}"
    assert whole(*names) == without_pods(stack, alice)
    assert len(labelled(stack, alice, "pods")) == len(names)
    alice.remove_everything()
    wait_until_empty(stack, alice)


def wait_until_settled(stack: Stack, somebody: Person, name: str, message: str) -> None:
    """Wait until the service runs with this message, in one pod."""
    deadline = time.monotonic() + 60
    while True:
        service = somebody.service(name)
        pods = labelled(stack, somebody, "pods")
        seen = environment(stack, somebody, "MESSAGE")
        if (service["state"], len(pods), seen) == ("running", 1, message):
            return
        assert time.monotonic() < deadline, f"{service}, {pods}, MESSAGE={seen}"
        time.sleep(0.3)


def environment(stack: Stack, somebody: Person, variable: str) -> str:
    """The value of a variable in the one Deployment of a person, as Kubernetes has it."""
    where = ["--namespace", namespace_of(somebody), "--output", "json"]
    (deployment,) = json.loads(stack.cluster.kubectl("get", "deployments", *where))["items"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return next(str(one.get("value", "")) for one in container["env"] if one["name"] == variable)


def wait_until_unknown(somebody: Person, name: str) -> None:
    """Wait until the API has no such service."""
    deadline = time.monotonic() + 30
    while somebody.api("GET", f"/karvdash/services/{name}/").status_code != 404:
        assert time.monotonic() < deadline, somebody.service(name)
        time.sleep(0.2)
