"""Datasets of the namespace: mounted when ready, left out and named when not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.admission.datasets import FORMER, PRESENT, dataset, definition
from tests.admission.people import MOUNTS, Api, Refused, UserNamespace, claim, mounts
from tests.admission.test_kinds import workload
from tests.admission.webhook import Webhook

Json = dict[str, Any]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def installed(api: Api, webhook: Webhook) -> Iterator[None]:
    """Datashim is installed while the server runs, which looks for it every 20 s: both editions at once."""
    groups = (FORMER, PRESENT)
    for group in groups:
        api.call("POST", DEFINITIONS, definition(group))
    yield
    for group in groups:
        api.call("DELETE", f"{DEFINITIONS}/datasets.{group}")


@pytest.fixture(params=[FORMER, PRESENT])
def group(request: pytest.FixtureRequest, installed: None) -> str:
    """The API group of one edition."""
    return str(request.param)


def wait_for(look: Callable[[], bool], what: str, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def make(person: UserNamespace, name: str, group: str) -> None:
    """Make a Dataset; its kind takes a moment to be served after it was defined."""
    deadline = time.monotonic() + 20
    while True:
        try:
            person.create_object(dataset(name, group))
            return
        except Refused as error:
            assert "could not find the requested resource" in str(error) and time.monotonic() < deadline, (
                error
            )
            time.sleep(0.2)


def bind(person: UserNamespace, name: str) -> None:
    """Do what Datashim and a CSI driver do: a bound claim of the dataset's name."""
    person.create_object(claim(name, labels={"dataset": name}))
    wait_for(
        lambda: person.get("persistentvolumeclaims", name)["status"]["phase"] == "Bound",
        f"{name} is not bound",
    )


def paths(person: UserNamespace, pod: Json, **labels: str) -> set[str]:
    """Where a pod would have volumes."""
    made = person.create_object(pod | {"metadata": {"generateName": "p-", "labels": labels}}, "?dryRun=All")
    return mounts(made)["main"]


def test_a_dataset_from_nothing_to_ready(group: str, bob: UserNamespace, pod: Json) -> None:
    """Left out with annotation and Event until its claim is bound, then mounted where it is wanted."""
    make(bob, "books", group)

    def left_out() -> bool:
        made = bob.create_object(pod | {"metadata": {"generateName": "p-"}}, "?dryRun=All")
        return "karvdash.io/left-out" in made["metadata"].get("annotations", {})

    wait_for(left_out, "the server does not know the dataset")
    assert events(bob) == []  # a dry run leaves nothing behind
    made = bob.create_object(pod | {"metadata": {"name": "early"}})
    assert mounts(made) == {"main": MOUNTS}
    reason = "Datashim has not made its claim yet"
    assert made["metadata"]["annotations"]["karvdash.io/left-out"] == (
        f"Dataset books is not mounted: {reason}."
    )
    wait_for(lambda: bool(events(bob)), "no Event")
    [event] = events(bob)
    assert event["message"] == (
        f"Not mounted into a pod of Pod early: {reason}. Make the pod anew once it is ready."
    )
    assert event["involvedObject"]["name"] == "books"
    assert event["involvedObject"]["apiVersion"] == f"{group}/v1alpha1"

    bind(bob, "books")
    wait_for(lambda: "/mnt/datasets/books" in paths(bob, pod), "the dataset is not mounted")
    assert paths(bob, pod) == MOUNTS | {"/mnt/datasets/books"}
    assert paths(bob, pod, **{"karvdash-no-datasets": "true"}) == MOUNTS

    bob.delete("datasets", "books", version=f"{group}/v1alpha1")
    wait_for(lambda: paths(bob, pod) == MOUNTS, "the dataset is gone and still mounted")


def events(person: UserNamespace) -> list[Json]:
    """Events about datasets."""
    return [event for event in person.get("events")["items"] if event["reason"] == "NotMounted"]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job"])
def test_a_workload_that_wants_no_datasets(kind: str, group: str, bob: UserNamespace, pod: Json) -> None:
    """The label is on the pod template, where ``datasets: no`` of a service template puts it."""
    make(bob, "books", group)
    bind(bob, "books")
    wait_for(lambda: "/mnt/datasets/books" in paths(bob, pod), "the dataset is not mounted")
    without = workload(kind, "w")
    without["spec"]["template"]["metadata"]["labels"] = {"app": "x", "karvdash-no-datasets": "true"}
    bob.create_object(without)
    [made] = bob.pods("app=x")
    assert mounts(made)["main"] == MOUNTS


def test_a_broken_dataset_costs_nobody_a_pod(group: str, bob: UserNamespace, pod: Json) -> None:
    """The good ones are mounted beside it."""
    for name in ("bad.one", "good"):
        make(bob, name, group)
    bind(bob, "good")
    wait_for(lambda: "/mnt/datasets/good" in paths(bob, pod), "the dataset is not mounted")
    made = bob.create_object(pod)
    assert mounts(made) == {"main": MOUNTS | {"/mnt/datasets/good"}}
    assert "bad.one" in made["metadata"]["annotations"]["karvdash.io/left-out"]
