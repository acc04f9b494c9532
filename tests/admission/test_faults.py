"""The webhook dead, slow, not ready or overrun: no pod of a user without volumes, and nobody else waits."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from karvdash_hub.readiness.refusals import explain_refusal
from tests.admission.people import MOUNTS, Api, Refused, UserNamespace, mounts
from tests.admission.test_kinds import workload
from tests.admission.webhook import ROOT, Webhook
from tests.hub.forwarder import Forwarder

Json = dict[str, Any]


def test_without_webhook_users_wait_and_nobody_else_does(
    running: Webhook, bob: UserNamespace, pod: Json
) -> None:
    """kube-system, the release and other namespaces never depend on it; controllers catch up afterwards."""
    running.replicas[0].kill()
    for name in ("kube-system", "karvdash", "default"):
        other = UserNamespace(bob.api, name)
        other.create_object(pod | {"metadata": {"name": "free"}})
        other.delete("pods", "free")
    with pytest.raises(Refused, match=r'failed calling webhook "pods\.admission\.karvdash\.io"'):
        bob.create_object(pod)
    bob.create_object(workload("Deployment", "w"))
    condition = wait_for_failure(bob, "w")
    assert explain_refusal(condition) == (
        "No pod can be made at the moment: the part of the platform that gives pods their folders does not "
        "answer. Kubernetes tries again."
    )
    assert bob.get("pods")["items"] == []
    running.start()
    [made] = bob.pods("app=x", seconds=60)
    assert mounts(made)["main"] == MOUNTS


def wait_for_failure(person: UserNamespace, deployment: str) -> str:
    """Wait for the condition ReplicaFailure; return its message."""
    deadline = time.monotonic() + 30
    while True:
        status = person.get("deployments", deployment, version="apps/v1")["status"]
        for condition in status.get("conditions", ()):
            if condition["type"] == "ReplicaFailure":
                return str(condition["message"])
        assert time.monotonic() < deadline, status
        time.sleep(0.2)


def test_killed_in_the_middle_of_two_hundred_pods(running: Webhook, bob: UserNamespace, pod: Json) -> None:
    """Some are refused, all that exist have their volumes, and a second try makes the rest."""
    made: Counter[bool] = Counter()
    kill = threading.Event()

    def create(number: int) -> None:
        if number == 100:
            kill.set()
        try:
            bob.create_object(pod | {"metadata": {"name": f"p{number}"}})
            made[True] += 1
        except Refused as error:
            assert "failed calling webhook" in str(error)
            made[False] += 1

    def killer() -> None:
        kill.wait()
        running.replicas[0].kill()
        time.sleep(2)
        running.start()

    thread = threading.Thread(target=killer)
    thread.start()
    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(create, range(200)))
    thread.join()
    found = bob.get("pods")["items"]
    assert len(found) == made[True]
    assert made[False], "the webhook was not away at all"
    assert [one["metadata"]["name"] for one in found if mounts(one) != {"main": MOUNTS}] == []


def test_a_job_of_two_hundred_pods_comes_through_a_restart(running: Webhook, bob: UserNamespace) -> None:
    """Controllers try again by themselves."""
    job = workload("Job", "many")
    job["spec"] |= {"parallelism": 200, "completions": 200}
    bob.create_object(job)
    bob.pods("job-name=many", count=20)
    running.replicas[0].kill()
    time.sleep(1)
    running.start()
    found = bob.pods("job-name=many", count=200, seconds=120)
    assert [one["metadata"]["name"] for one in found if mounts(one)["main"] != MOUNTS] == []


def test_two_replicas_one_of_which_dies(running: Webhook, bob: UserNamespace, pod: Json) -> None:
    """The other one answers; whoever was on a connection of the dead one tries again once."""
    running.start(replicas=2)
    failures = 0
    for number in range(40):
        if number == 15:
            running.replicas[0].kill()
        try:
            bob.create_object(pod | {"metadata": {"name": f"p{number}"}})
        except Refused as error:
            assert "failed calling webhook" in str(error)
            failures += 1
            bob.create_object(pod | {"metadata": {"name": f"p{number}"}})
    assert failures <= 2
    assert all(mounts(one) == {"main": MOUNTS} for one in bob.get("pods")["items"])


def test_a_replica_that_is_stopped_finishes_its_work(running: Webhook, bob: UserNamespace, pod: Json) -> None:
    """SIGTERM costs no pod while another replica runs."""
    running.start(replicas=2)
    stopper = threading.Thread(target=running.replicas[0].stop)
    stopper.start()
    number = 0
    while stopper.is_alive() or number < 20:
        bob.create_object(pod | {"metadata": {"name": f"p{number}"}})
        number += 1
    assert all(mounts(one) == {"main": MOUNTS} for one in bob.get("pods")["items"])


def test_a_server_that_hangs_costs_five_seconds(running: Webhook, bob: UserNamespace, pod: Json) -> None:
    """Then the pod is refused; it is never made without volumes."""
    assert running.replicas[0].signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(Refused, match="failed calling webhook"):
        bob.create_object(pod)
    assert time.monotonic() - began < 12
    assert running.replicas[0].signal(signal.SIGCONT)
    made = bob.create_object(pod)
    assert mounts(made) == {"main": MOUNTS}


def test_a_server_that_has_not_seen_the_cluster_refuses(
    running: Webhook, bob: UserNamespace, pod: Json, tmp_path: Any
) -> None:
    """It listens, says that it is not ready and why, and lets no pod through unchanged."""
    config = yaml.safe_load((running.folder / "karvdash-admission.kubeconfig").read_text())
    config["users"][0]["user"] = {"token": "wrong"}
    path = tmp_path / "wrong.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    running.stop()
    running.replicas[0].start(running.command(kubeconfig=str(path)), env=dict(os.environ), cwd=ROOT)
    deadline = time.monotonic() + 20
    while "401" not in (answer := running.get("/readyz"))[1]:
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
    assert answer[0] == 503
    assert running.get("/healthz") == (200, "ok\n")
    with pytest.raises(Refused, match="The admission server has not seen the cluster yet"):
        bob.create_object(pod)


def test_a_server_that_has_just_started_lets_a_pod_wait(
    running: Webhook, bob: UserNamespace, pod: Json, tmp_path: Path
) -> None:
    """Not ready until it has seen the cluster; a pod that comes a moment before that gets its volumes."""
    config = yaml.safe_load((running.folder / "karvdash-admission.kubeconfig").read_text())
    cluster = config["clusters"][0]["cluster"]
    address = urlsplit(cluster["server"])
    way = Forwarder(str(address.hostname), address.port or 443)
    cluster |= {"server": f"https://127.0.0.1:{way.port}", "tls-server-name": address.hostname}
    path = tmp_path / "slow.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    running.stop()
    way.hold()
    running.replicas[0].start(running.command(kubeconfig=str(path)), env=dict(os.environ), cwd=ROOT)
    deadline = time.monotonic() + 20
    while running.get("/healthz")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert running.get("/readyz") == (503, "not ready: The cluster has not been seen yet.\n")
    with ThreadPoolExecutor(1) as crowd:
        made = crowd.submit(bob.create_object, pod)
        with pytest.raises(TimeoutError):
            made.result(0.5)
        way.open()
        assert mounts(made.result(20)) == {"main": MOUNTS}
    assert running.get("/readyz") == (200, "ok\n")
    way.end()


def test_a_namespace_made_a_moment_ago(api: Api, pod: Json) -> None:
    """Its first pod comes before the watch can know of it: the server waits for the news."""
    for _ in range(5):
        person = UserNamespace(api, f"karvdash-test-{secrets.token_hex(4)}", "carol")
        person.create_bare(annotations={"karvdash.io/user": "carol", "karvdash.io/volumes": "private shared"})
        person.create_object({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "early"}})
        made = person.create_object(pod | {"spec": {**pod["spec"], "serviceAccountName": "early"}})
        assert mounts(made) == {"main": MOUNTS}
        person.remove()


def test_a_namespace_that_belongs_to_nobody(api: Api, pod: Json) -> None:
    """It has the prefix and no user: no pod, and a sentence."""
    person = UserNamespace(api, f"karvdash-test-{secrets.token_hex(4)}")
    person.create_bare()
    person.create_object({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "early"}})
    try:
        with pytest.raises(Refused, match=r"it has no annotation karvdash\.io/user"):
            person.create_object(pod | {"spec": {**pod["spec"], "serviceAccountName": "early"}})
    finally:
        person.remove()


def test_the_api_server_goes_away_and_comes_back(running: Webhook, bob: UserNamespace, pod: Json) -> None:
    """The server keeps what it knows, stays ready, and hears of changes afterwards."""
    server = running.cluster.component("kube-apiserver")
    server.stop()
    try:
        time.sleep(2)
        assert running.get("/readyz") == (200, "ok\n")
    finally:
        server.start()
        deadline = time.monotonic() + 30
        while not running.cluster.api().ready():
            assert time.monotonic() < deadline, "the API server does not come back"
            time.sleep(0.1)
    assert mounts(bob.create_object(pod)) == {"main": MOUNTS}
    bob.annotate(volumes=None)
    deadline = time.monotonic() + 30
    number = 0
    while True:
        made = bob.create_object(pod | {"metadata": {"name": f"p{number}"}})
        if mounts(made) == {"main": {"/var/lib/karvdash"}}:
            break
        number += 1
        assert time.monotonic() < deadline, mounts(made)
        time.sleep(0.5)


def test_no_request_to_the_api_server_for_a_review(webhook: Webhook, alice: UserNamespace, pod: Json) -> None:
    """Counted by the kernel: the only connections are those of the watches, before and after.

    In one of three rounds: each 20 s the server looks whether Datashim has been installed, and its watches
    are renewed now and then.
    """
    rounds = (reviews_without_a_connection(webhook, alice, pod, number) for number in range(3))
    assert any(rounds)


def reviews_without_a_connection(webhook: Webhook, alice: UserNamespace, pod: Json, number: int) -> bool:
    """Whether twenty reviews went by with the same connections before and after each."""
    pid = webhook.replicas[0].pid
    before = connections(pid, webhook.cluster.api_url)
    for one in range(20):
        alice.create_object(pod | {"metadata": {"name": f"n{number}-{one}"}}, "?dryRun=All")
        if connections(pid, webhook.cluster.api_url) != before:
            return False
    return True


def connections(pid: int | None, url: str) -> set[str]:
    """Local ends of the process' connections to the API server; watches keep theirs for minutes."""
    address = url.removeprefix("https://")
    text = subprocess.run(["ss", "-tnpH", "dst", address], capture_output=True, text=True, check=True).stdout
    return {line.split()[3] for line in text.splitlines() if f"pid={pid}," in line}


def test_one_replica_is_small(webhook: Webhook) -> None:
    """At most 60 MiB resident, after everything above."""
    status = Path(f"/proc/{webhook.replicas[0].pid}/status").read_text()
    [resident] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
    assert resident < 60 * 1024
