"""A Hub that is killed loses nothing, doubles nothing and leaves nothing lying about."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator

import pytest
import requests

from demo.stack import Stack
from tests.fixtures.stacks import Person, make_person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import labelled, launch, wait_until_empty

STEPS = ["namespace", "plan", "dry-run", "anchor", "apply", "wait"]


@pytest.fixture(scope="module")
def killed(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Person]]:
    """People whose one launch was held when the Hub was killed, by the step; it runs again."""
    people = {step: make_person(stack, "k" + secrets.token_hex(4)) for step in STEPS}

    def post(step: str) -> None:
        post_without_answer(people[step], "hello-kubernetes", NAME=step, MESSAGE=f"killed at {step}")

    kill_at_each(HubProcess(stack, tmp_path_factory.mktemp("killed")), STEPS, post)
    yield people
    for somebody in people.values():
        somebody.remove_everything()


@pytest.mark.parametrize("step", STEPS)
def test_a_launch_killed_at_any_step_is_finished(stack: Stack, killed: dict[str, Person], step: str) -> None:
    alice = killed[step]
    service = alice.wait_for(step, "running")
    assert service["values"]["MESSAGE"] == f"killed at {step}"
    assert without_pods(stack, alice) == whole(step)
    assert len(labelled(stack, alice, "pods")) == 1

    assert alice.api("DELETE", f"/karvdash/services/{step}/").status_code == 204
    wait_until_empty(stack, alice)


def test_a_launch_stopped_after_the_hub_was_killed_leaves_nothing(
    stack: Stack, person: Callable[..., Person], hub: HubProcess
) -> None:
    """What was taken up again can be stopped at once."""
    alice = person()
    hub.restart("c.Platform.hold_launches_at = {'hello-kubernetes': 'apply'}")
    since = len(hub.log())
    post_without_answer(alice, "hello-kubernetes")
    hub.wait_for_log("at apply", since)
    hub.kill()
    hub.start("c.Platform.hold_launches_at = {'hello-kubernetes': 'wait'}")
    hub.wait_for_log("at wait", since)
    assert alice.api("POST", "/karvdash/services/hello-kubernetes/stop").status_code == 200
    alice.wait_for("hello-kubernetes", "stopped")
    wait_until_empty(stack, alice)


def test_a_stop_survives_the_hub(stack: Stack, person: Callable[..., Person], hub: HubProcess) -> None:
    """A Hub killed right after it was told to stop something finishes the stop."""
    alice = person()
    launch(alice, "hello-kubernetes")
    alice.wait_for("hello-kubernetes", "running")
    assert alice.api("POST", "/karvdash/services/hello-kubernetes/stop").status_code == 200
    hub.kill()
    hub.start()
    alice.wait_for("hello-kubernetes", "stopped")
    wait_until_empty(stack, alice)


def test_a_deletion_survives_the_hub(stack: Stack, person: Callable[..., Person], hub: HubProcess) -> None:
    """A Hub killed right after it was told to delete something forgets it all the same."""
    alice = person()
    launch(alice, "hello-kubernetes")
    alice.wait_for("hello-kubernetes", "running")
    assert alice.api("DELETE", "/karvdash/services/hello-kubernetes/").status_code == 204
    hub.kill()
    hub.start()
    wait_until_empty(stack, alice)
    deadline = time.monotonic() + 30
    while alice.api("GET", "/karvdash/services/hello-kubernetes/").status_code != 404:
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.slow
def test_twenty_kills_at_random_moments(stack: Stack, person: Callable[..., Person], hub: HubProcess) -> None:
    """Three services are launched, stopped and started while the Hub is killed twenty times."""
    alice = person()
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    names = ["one", "two", "three"]
    wanted: dict[str, str] = {}
    for _ in range(20):
        name = chance.choice(names)
        if name not in wanted:
            post_without_answer(alice, "hello-kubernetes", NAME=name)
        elif wanted[name] == "running":
            send(alice, "POST", f"/karvdash/services/{name}/stop")
        else:
            send(alice, "POST", f"/karvdash/services/{name}/start")
        time.sleep(chance.uniform(0, 1.5))
        hub.kill()
        hub.start()
        wanted = settled(alice, f"seed {seed}")
    running = [name for name, state in wanted.items() if state == "running"]
    assert without_pods(stack, alice) == whole(*running), f"seed {seed}"
    assert len(labelled(stack, alice, "pods")) == len(running), f"seed {seed}"
    for name in wanted:
        assert alice.api("DELETE", f"/karvdash/services/{name}/").status_code == 204
    wait_until_empty(stack, alice)


def kill_at_each(hub: HubProcess, steps: Collection[str], begin: Callable[[str], None]) -> None:
    """Begin launches that are held, each at the step its service is named after; kill and start the Hub."""
    hub.restart(f"c.Platform.hold_launches_at = {dict(zip(steps, steps, strict=True))!r}")
    since = len(hub.log())
    for step in steps:
        begin(step)
    for step in steps:
        hub.wait_for_log(f"at {step}", since)
    hub.kill()
    hub.start()


def settled(somebody: Person, note: str) -> dict[str, str]:
    """Wait until every service runs or is stopped; no name may be there twice."""
    deadline = time.monotonic() + 90
    while True:
        services = somebody.api("GET", "/karvdash/services/").json()["objects"]
        states = {service["name"]: service["state"] for service in services}
        assert len(services) == len(states)
        if set(states.values()) <= {"running", "stopped"}:
            return states
        assert time.monotonic() < deadline, f"{note}: {services}"
        time.sleep(0.2)


def post_without_answer(somebody: Person, template: str, **values: str) -> None:
    """Ask for a launch by a Hub that may be killed before it answers."""
    send(somebody, "POST", "/karvdash/services/", {"id": template, **values})


def send(somebody: Person, method: str, path: str, body: object = None) -> None:
    """Send a request whose answer does not matter."""

    def run() -> None:
        try:
            somebody.api(method, path, body)
        except requests.RequestException as error:
            print(f"no answer: {type(error).__name__}")  # the Hub was killed, as intended

    threading.Thread(target=run, daemon=True).start()


def whole(*names: str) -> list[str]:
    """What services from the template hello-kubernetes consist of, but for their pods."""
    kinds = ["ConfigMap/karvdash-{}", "Deployment/{}", "Ingress/{}", "Service/{}"]
    return sorted(kind.format(name) for kind in kinds for name in names)


def without_pods(stack: Stack, somebody: Person) -> list[str]:
    """What the template consists of, and the anchor."""
    return [one for one in labelled(stack, somebody) if not one.startswith("Pod/")]
