"""AdmissionReviews that make sense and those that do not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from karvdash_hub.admission.review import NoReview, Senseless, allow, deny, envelope, read
from karvdash_hub.errors import Unavailable

Json = dict[str, Any]
POD: Json = {"metadata": {"generateName": "web-"}, "spec": {"containers": []}}


def request(**changes: Any) -> Json:
    """A request as the API server sends it; None takes a key away."""
    whole = {
        "uid": "u",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "operation": "CREATE",
        "namespace": "karvdash-alice",
        "object": POD,
        "dryRun": False,
    } | changes
    return {key: value for key, value in whole.items() if value is not None}


def review(**changes: Any) -> bytes:
    """An AdmissionReview as text."""
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request()} | changes
    return json.dumps(whole).encode()


def test_a_request_is_found() -> None:
    """Inside its envelope."""
    assert envelope(review()) == request()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "The body is not JSON", id="empty"),
        pytest.param(b"{", "The body is not JSON", id="cut off"),
        pytest.param(b"\xff\xfe", "The body is not JSON", id="binary"),
        pytest.param(b"[]", "its kind is missing", id="list"),
        pytest.param(b"{}", "its kind is missing", id="nothing"),
        pytest.param(review(kind="Pod"), 'its kind is "Pod"', id="pod"),
        pytest.param(
            review(apiVersion="admission.k8s.io/v1beta1"), '"admission.k8s.io/v1beta1"', id="v1beta1"
        ),
        pytest.param(review(request=None), "has no request.", id="no request"),
        pytest.param(review(request=[]), "has no request.", id="request is a list"),
        pytest.param(review(request=request(uid=None)), "has no request.uid", id="no uid"),
        pytest.param(review(request=request(uid=7)), "has no request.uid", id="uid is a number"),
    ],
)
def test_what_is_no_review_is_named(body: bytes, message: str) -> None:
    """It is answered with 400, and never with "allowed"."""
    with pytest.raises(NoReview) as caught:
        envelope(body)
    assert message in caught.value.message
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"kind": {"group": "apps", "kind": "Deployment"}},
            'request.kind is "Deployment" of group "apps"',
            id="kind",
        ),
        pytest.param({"kind": None}, "request.kind is missing", id="no kind"),
        pytest.param({"resource": {"resource": "secrets"}}, "request.kind is", id="resource"),
        pytest.param({"operation": "DELETE"}, 'request.operation is "DELETE" of "pods"', id="operation"),
        pytest.param({"operation": "UPDATE"}, 'request.operation is "UPDATE" of "pods"', id="update"),
        pytest.param({"subResource": "status", "operation": "UPDATE"}, '"pods/status"', id="subresource"),
        pytest.param(
            {"namespace": "kube-system"}, 'request.namespace is "kube-system"', id="other namespace"
        ),
        pytest.param({"namespace": "karvdash-"}, 'request.namespace is "karvdash-"', id="prefix alone"),
        pytest.param({"namespace": "karvdash"}, 'request.namespace is "karvdash"', id="release"),
        pytest.param({"namespace": None}, "request.namespace is missing", id="no namespace"),
        pytest.param({"namespace": ["karvdash-x"]}, "request.namespace is [", id="namespace is a list"),
        pytest.param({"object": None}, "request.object is missing", id="no object"),
        pytest.param({"object": {"metadata": {}}}, "request.object has no metadata and spec", id="no spec"),
        pytest.param({"object": {"spec": {}}}, "request.object has no metadata and spec", id="no metadata"),
    ],
)
def test_what_must_not_be_asked_is_named(changes: Json, message: str) -> None:
    """A wrong configuration of Kubernetes shows at the first pod."""
    with pytest.raises(Senseless) as caught:
        read(request(**changes), "karvdash-")
    assert message in caught.value.message


def test_all_mistakes_are_named_at_once() -> None:
    """Nobody repairs them one by one."""
    with pytest.raises(Senseless) as caught:
        read(request(kind=None, operation=None, namespace=None, object=None), "karvdash-")
    words = ("kind", "operation", "namespace", "object")
    assert all(f"request.{word} is" in str(caught.value) for word in words)


def owned(*references: Json, **metadata: Any) -> Json:
    return {"metadata": {"generateName": "web-", "ownerReferences": list(references), **metadata}, "spec": {}}


@pytest.mark.parametrize(
    ("pod", "owner"),
    [
        pytest.param(POD, "Pod web-", id="nameless"),
        pytest.param(owned(name="p"), "Pod p", id="bare"),
        pytest.param(owned({"kind": "Job", "name": "j"}), "Pod web-", id="owner that is no controller"),
        pytest.param(
            owned({"kind": "ReplicaSet", "name": "r", "controller": True}), "ReplicaSet r", id="controller"
        ),
    ],
)
def test_whose_pod_it_is(pod: Json, owner: str) -> None:
    """For Events."""
    assert read(request(object=pod), "karvdash-").owner == owner


def test_debugging_containers() -> None:
    """Those of the old object are known, since they cannot be changed."""
    old = {"spec": {"ephemeralContainers": [{"name": "a"}]}}
    asked = request(subResource="ephemeralcontainers", operation="UPDATE", oldObject=old, dryRun=True)
    found = read(asked, "karvdash-")
    assert (found.ephemeral, found.before, found.dry_run) == (True, {"a"}, True)


def test_answers() -> None:
    """As the API server wants them; nothing to add is no patch at all."""
    operations = [{"op": "add", "path": "/spec/volumes", "value": []}]
    answer = json.loads(allow("u", operations, ["x" * 300]))
    assert (
        base64.b64decode(answer["response"].pop("patch"))
        == json.dumps(operations, separators=(",", ":")).encode()
    )
    assert answer == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u", "allowed": True, "patchType": "JSONPatch", "warnings": ["x" * 256]},
    }
    assert json.loads(allow("u", []))["response"] == {"uid": "u", "allowed": True}
    refused = json.loads(deny("u", Unavailable("Try again.")))["response"]
    assert refused == {"uid": "u", "allowed": False, "status": {"code": 503, "message": "Try again."}}
