"""What Kubernetes 1.35 answered, and what people read. The answers were recorded."""

from __future__ import annotations

from typing import Any

import pytest

from karvdash_hub.kube import errors
from karvdash_hub.kube.errors import KubeError, from_status

ALICE = "system:serviceaccount:karvdash-alice:default"
HUB = "system:serviceaccount:karvdash:karvdash-hub"
ROLES = 'API group "rbac.authorization.k8s.io"'
POLICY = "ValidatingAdmissionPolicy 'no-host-path' with binding 'no-host-path' denied request:"


@pytest.mark.parametrize(
    ("code", "status", "as_user", "cls", "message"),
    [
        pytest.param(
            403,
            {
                "reason": "Forbidden",
                "message": 'clusterrolebindings.rbac.authorization.k8s.io "x" is forbidden: User '
                f'"{ALICE}" cannot patch resource "clusterrolebindings" in {ROLES} at the cluster scope',
            },
            ALICE,
            errors.Forbidden,
            "you may not create cluster-wide objects.",
            id="cluster-wide",
        ),
        pytest.param(
            403,
            {
                "message": f'nodes is forbidden: User "{ALICE}" cannot list resource "nodes" in API group "" '
                "at the cluster scope"
            },
            ALICE,
            errors.Forbidden,
            "you may not list nodes, which are cluster-wide.",
            id="cluster-wide list",
        ),
        pytest.param(
            403,
            {
                "message": f'pods "p" is forbidden: User "{ALICE}" cannot patch resource "pods" in '
                'API group "" in the namespace "default"'
            },
            ALICE,
            errors.Forbidden,
            'you may not create or change pods in namespace "default".',
            id="another namespace",
        ),
        pytest.param(
            403,
            {
                "message": f'serviceaccounts "default" is forbidden: User "{HUB}" cannot impersonate '
                'resource "serviceaccounts" in API group "" in the namespace "karvdash-alice"'
            },
            ALICE,
            errors.Forbidden,
            f'The Hub ({HUB}) may not impersonate serviceaccounts in namespace "karvdash-alice". '
            "Are its ClusterRole and the namespace's role bindings installed?",
            id="impersonation",
        ),
        pytest.param(
            403,
            {
                "message": 'pods "p" is forbidden: exceeded quota: karvdash-user, requested: pods=1, '
                "used: pods=5, limited: pods=5"
            },
            ALICE,
            errors.Forbidden,
            "Exceeded quota: karvdash-user, requested: pods=1, used: pods=5, limited: pods=5",
            id="quota",
        ),
        pytest.param(
            422,
            {"message": f'deployments.apps "web" is forbidden: {POLICY} use /private instead of a host path'},
            ALICE,
            errors.Invalid,
            "Use /private instead of a host path",
            id="admission policy",
        ),
        pytest.param(
            403,
            {
                "message": "pods \"p\" is forbidden: ValidatingAdmissionPolicy 'karvdash-pods' with "
                "binding 'karvdash-pods' denied request: spec.hostPID: true is not allowed."
            },
            ALICE,
            errors.Forbidden,
            "spec.hostPID: true is not allowed.",
            id="policy of ours",
        ),
        pytest.param(
            400,
            {"message": 'admission webhook "files.karvdash.io" denied the request: no such dataset: x'},
            ALICE,
            errors.Invalid,
            "No such dataset: x",
            id="webhook",
        ),
        pytest.param(
            401,
            {"message": "Unauthorized"},
            None,
            errors.Unauthorized,
            "The API server does not accept the Hub's credentials.",
            id="token",
        ),
        pytest.param(
            404, {"message": 'pods "p" not found'}, None, errors.NotFound, 'Pods "p" not found', id="absent"
        ),
        pytest.param(
            409,
            {"message": 'namespaces "x" already exists', "reason": "AlreadyExists"},
            None,
            errors.AlreadyExists,
            'Namespaces "x" already exists',
            id="exists",
        ),
        pytest.param(
            409,
            {"message": "Apply failed with 1 conflict", "reason": "Conflict"},
            None,
            errors.Conflict,
            "Apply failed with 1 conflict",
            id="conflict",
        ),
        pytest.param(
            410,
            {"message": "The provided continue parameter is too old", "reason": "Expired"},
            None,
            errors.Gone,
            "The provided continue parameter is too old",
            id="gone",
        ),
        pytest.param(
            429, {"message": "too many requests"}, None, errors.TooMany, "Too many requests", id="too many"
        ),
        pytest.param(
            503,
            {"message": "apiserver is shutting down"},
            None,
            errors.Unreachable,
            "Apiserver is shutting down",
            id="unavailable",
        ),
        pytest.param(
            502, {}, None, errors.Unreachable, "The API server answered 502.", id="no Status at all"
        ),
        pytest.param(
            500,
            {"message": "etcdserver: leader changed"},
            None,
            KubeError,
            "Etcdserver: leader changed",
            id="internal",
        ),
    ],
)
def test_a_status_becomes_a_class_and_a_sentence(
    code: int, status: dict[str, Any], as_user: str | None, cls: type[KubeError], message: str
) -> None:
    error = from_status(code, status, as_user=as_user)
    assert (cls, message, code) == (type(error), error.message, error.code)


TYPED = "failed to create typed patch object (karvdash-alice/x; apps/v1, Kind=Deployment): "


@pytest.mark.parametrize(
    ("what", "code", "status", "expected"),
    [
        pytest.param(
            "Deployment x",
            500,
            {"message": f"{TYPED}.spec.foo: field not declared in schema"},
            [(".spec.foo", "there is no such field.")],
            id="one unknown field",
        ),
        pytest.param(
            "Deployment x",
            500,
            {
                "message": f"{TYPED}errors:\n  .spec.foo: field not declared in schema\n"
                '  .spec.template.spec.containers[name="a:b"].env[name="PW"].value: expected string, '
                "got &value.valueUnstructured{Value:12345}"
            },
            [
                (".spec.foo", "there is no such field."),
                ('.spec.template.spec.containers[name="a:b"].env[name="PW"].value', "must be a string."),
            ],
            id="several misfits, without their values",
        ),
        pytest.param(
            "Deployment x",
            500,
            {"message": f"{TYPED}.spec.replicas: expected numeric (int or float), got string"},
            [(".spec.replicas", "must be a number.")],
            id="type",
        ),
        pytest.param(
            "Deployment x",
            422,
            {
                "message": 'Deployment.apps "x" is invalid: ...',
                "details": {
                    "causes": [
                        {"field": "spec.template.spec.containers[0].image", "message": "Required value"},
                        {"field": "metadata.name", "message": 'Invalid value: "X": must be lower case'},
                    ]
                },
            },
            [
                ("spec.template.spec.containers[0].image", "Required value"),
                ("metadata.name", 'Invalid value: "X": must be lower case'),
            ],
            id="validation",
        ),
        pytest.param(
            "Secret x",
            422,
            {"details": {"causes": [{"field": "data[k]", "message": 'Invalid value: "hunter2": too long'}]}},
            [("data[k]", "Invalid value.")],
            id="values of a Secret are not repeated",
        ),
        pytest.param(
            "Deployment x",
            400,
            {
                "message": 'Deployment in version "v1" cannot be handled as a Deployment: strict decoding '
                'error: unknown field "spec.foo", unknown field "spec.template.spec.containers[0].imag"'
            },
            [
                ("spec.foo", "there is no such field."),
                ("spec.template.spec.containers[0].imag", "there is no such field."),
            ],
            id="strict decoding of a POST",
        ),
    ],
)
def test_fields_are_named_one_by_one(
    what: str, code: int, status: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    error = from_status(code, status, what=what)
    assert expected == [(found.field, found.message) for found in error.errors]
    assert isinstance(error, errors.Invalid)
    assert error.message.startswith(f"{what}: ")


def test_a_value_that_was_not_base64_is_not_repeated() -> None:
    """This one is recorded too: the API server answers 500 without a reason."""
    text = (
        "failed to convert new object (karvdash-alice/x; /v1, Kind=Secret) to proper version: unable to "
        "convert unstructured object to /v1, Kind=Secret: error decoding from json: illegal base64 data at "
        "input byte 7"
    )
    error = from_status(500, {"message": text}, what="Secret x")
    assert (errors.Invalid, "Secret x: Illegal base64 data at input byte 7.") == (type(error), error.message)


def test_a_very_long_message_is_cut() -> None:
    assert len(from_status(400, {"message": "x" * 10_000}).message) < 700
