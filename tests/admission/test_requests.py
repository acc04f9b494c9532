"""What the server answers to whoever asks it, rightly or wrongly; and odd pods on their way through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.admission.people import MOUNTS, UserNamespace, mounts
from tests.admission.webhook import Webhook

Json = dict[str, Any]


def review(namespace: str, pod: Any, changes: Json) -> Json:
    request = {
        "uid": "u-1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "operation": "CREATE",
        "namespace": namespace,
        "object": pod,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request | changes}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "The body is not JSON", id="empty"),
        pytest.param(b"\x00\xff", "The body is not JSON", id="binary"),
        pytest.param({"kind": "Pod"}, 'its kind is "Pod"', id="pod"),
        pytest.param(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}, "no request", id="no request"
        ),
    ],
)
def test_what_is_no_review(webhook: Webhook, body: Any, message: str) -> None:
    """400 and a sentence."""
    status, answer = webhook.post(body)
    assert status == 400
    assert message in answer["error"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"namespace": "kube-system"}, "request.namespace", id="other namespace"),
        pytest.param({"namespace": "karvdash-nobody-at-all"}, "is not known", id="unknown namespace"),
        pytest.param({"object": None}, "request.object", id="no object"),
        pytest.param({"kind": {"group": "apps", "kind": "Deployment"}}, "request.kind", id="kind"),
        pytest.param(
            {"object": {"metadata": {}, "spec": {"containers": 7}}}, "object.spec.containers", id="no pod"
        ),
    ],
)
def test_what_must_not_be_asked(
    webhook: Webhook, alice: UserNamespace, pod: Json, changes: Json, message: str
) -> None:
    """An answer with the same uid that refuses and says why; never an unmodified "allowed"."""
    status, answer = webhook.post(review(alice.name, pod, changes))
    assert status == 200
    assert answer["response"]["uid"] == "u-1"
    assert answer["response"]["allowed"] is False
    assert message in answer["response"]["status"]["message"]


def test_other_addresses_and_methods(webhook: Webhook) -> None:
    """Nothing else is there."""
    assert webhook.send("POST", "/", b"{}")[0] == 404
    assert webhook.send("GET", "/mutate")[0] == 405
    assert webhook.send("PUT", "/mutate", b"{}")[0] == 405


def test_a_body_without_end(webhook: Webhook) -> None:
    """More than the API server ever sends is refused."""
    status, _ = webhook.send("POST", "/mutate", b"x" * 9 * 2**20)
    assert status in (0, 400, 413)
    assert webhook.get("/healthz") == (200, "ok\n")


def test_metrics(webhook: Webhook, alice: UserNamespace, pod: Json) -> None:
    """In Prometheus' format."""

    def value(name: str) -> float:
        lines = webhook.get("/metrics")[1].splitlines()
        return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(name)))

    before = value('karvdash_admission_reviews_total{outcome="patched"}')
    alice.create_object(pod | {"metadata": {"name": "counted"}}, "?dryRun=All")
    assert value('karvdash_admission_reviews_total{outcome="patched"}') > before
    assert value('karvdash_admission_watch_healthy{kind="namespace"}') == 1
    assert 5 * 86400 < value("karvdash_admission_certificate_seconds") <= 7 * 86400
    assert value('karvdash_admission_review_seconds_bucket{le="+Inf"}') == value(
        "karvdash_admission_review_seconds_count"
    )


def test_a_pod_of_sixty_kilobytes(alice: UserNamespace, pod: Json) -> None:
    """Many containers with long environments, through the API server."""
    env = [{"name": f"V{number}", "value": "x" * 100} for number in range(50)]
    containers = [{"name": f"c{number}", "image": "pause", "env": env} for number in range(10)]
    big = pod | {"metadata": {"name": "big"}, "spec": {**pod["spec"], "containers": containers}}
    assert len(json.dumps(big)) > 60_000
    made = alice.create_object(big)
    assert mounts(made) == {f"c{number}": MOUNTS for number in range(10)}
    assert [variable["name"] for variable in made["spec"]["containers"][9]["env"][-2:]] == ["V48", "V49"]


def test_a_pod_with_volumes_and_mounts_of_our_names(alice: UserNamespace, pod: Json) -> None:
    """A name is no trick: /private leads to the user's folder, or is visibly the pod's own."""
    private = f"{alice.name}-volume-private"
    spec = {
        **pod["spec"],
        "volumes": [{"name": private, "emptyDir": {}}, {"name": "scratch", "emptyDir": {}}],
        "containers": [
            {"name": "one", "image": "pause"},
            {"name": "two", "image": "pause", "volumeMounts": [{"name": "scratch", "mountPath": "/shared/"}]},
        ],
    }
    made = alice.create_object(pod | {"metadata": {"name": "named"}, "spec": spec})
    one, two = made["spec"]["containers"]
    where = {mount["mountPath"]: mount["name"] for mount in one["volumeMounts"]}
    leads = {volume["name"]: volume for volume in made["spec"]["volumes"]}
    assert leads[where["/private"]]["persistentVolumeClaim"]["claimName"] == private
    assert {mount["mountPath"] for mount in two["volumeMounts"]} >= {
        "/private",
        "/shared/",
        "/var/lib/karvdash",
    }
    assert made["metadata"]["annotations"]["karvdash.io/left-out"] == (
        "Container two has a volume of its own at /shared, so not ours."
    )
