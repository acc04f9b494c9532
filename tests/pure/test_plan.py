"""Whole launches on paper: the seed's example and everything that is bundled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from karvdash_hub.errors import ManifestsInvalid, ValuesInvalid
from karvdash_hub.service_templates import Size, own, parse, plan, template_id
from karvdash_hub.service_templates.tree import dig
from karvdash_hub.service_templates.workloads import pod_template
from tests.pure.templates import (
    BUNDLED,
    DEPLOYMENT,
    HOST,
    PLATFORM,
    SEED,
    SERVICE,
    config_map,
    planned,
    template,
)


def test_the_seeds_example_becomes_what_kubernetes_takes() -> None:
    parsed = parse(SEED, id="hello-kubernetes")
    launch = plan(parsed, server="web", values={"MESSAGE": "yes"}, platform=PLATFORM, size=Size(memory="1Gi"))
    assert list(launch.manifests) == [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "web", "annotations": {"karvdash.io/host": HOST}},
            "spec": {
                "ingressClassName": "karvdash",
                "rules": [
                    {
                        "host": HOST,
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "web", "port": {"number": 8080}}},
                                }
                            ]
                        },
                    }
                ],
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"type": "ClusterIP", "ports": [{"port": 8080}], "selector": {"app": "web"}},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {
                        "containers": [
                            {
                                "name": "web",
                                "image": "paulbouwer/hello-kubernetes:1.5",
                                "ports": [{"containerPort": 8080}],
                                "env": [{"name": "MESSAGE", "value": "yes"}],
                                "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}},
                            }
                        ]
                    },
                },
            },
        },
    ]
    assert launch.values == {"NAME": "web", "MESSAGE": "yes"}
    assert launch.workloads == [("Deployment", "web", 1)]
    assert (launch.auth, launch.size) == (True, Size(memory="1Gi", gpu=0))


def test_nothing_is_changed_by_planning() -> None:
    parsed = parse(SEED, id="x")
    before = json.dumps([parsed.documents, parsed.summary()])
    first = plan(parsed, server="web", values={}, platform=PLATFORM)
    own(
        first.manifests,
        namespace="karvdash-alice",
        server="web",
        template_id="x",
        anchor_name="karvdash-web",
        anchor_uid="1",
    )
    assert json.dumps([parsed.documents, parsed.summary()]) == before
    assert plan(parsed, server="web", values=first.values, platform=PLATFORM) == first


def test_a_template_without_ingress_has_no_host_and_one_without_service_no_address() -> None:
    redis = plan(template(SERVICE), server="web", values={}, platform=PLATFORM)
    assert (redis.host, redis.hosts, redis.service_name) == (None, (), "web")
    assert [point["kind"] for point in redis.endpoints] == ["tcp"]
    job = plan(template(DEPLOYMENT), server="web", values={}, platform=PLATFORM)
    assert (job.host, job.service_name, job.endpoints) == (None, None, [])


def test_the_servers_own_host_is_the_first() -> None:
    """Also where only another one is used: the anchor names it, and the gate compares."""
    text = SEED.replace("host: $HOSTNAME", "host: bolt-$HOSTNAME")
    launch = plan(parse(text, id="x"), server="web", values={}, platform=PLATFORM)
    assert (launch.host, launch.hosts) == (HOST, (HOST, f"bolt-{HOST}"))


@pytest.mark.parametrize(("flag", "label"), [("no", "true"), ("yes", None)])
def test_datasets(flag: str, label: str | None) -> None:
    pod = pod_template(planned(DEPLOYMENT, section=f"datasets: {flag}\n"))
    assert dig(pod, "metadata", "labels", "karvdash-no-datasets") == label


@pytest.mark.parametrize(("flag", "auth"), [("no", False), ("yes", True)])
def test_auth(flag: str, auth: bool) -> None:
    parsed = template(SERVICE, section=f"auth: {flag}\n")
    assert plan(parsed, server="web", values={}, platform=PLATFORM).auth is auth


def test_hints_show_no_passwords() -> None:
    parsed = template(
        SERVICE,
        section="connect: tool -h $NAME.$NAMESPACE.svc -p $PASSWORD -n $COUNT\n",
        variables="- {name: PASSWORD, type: password, default: x}\n- {name: COUNT, default: 3}\n",
    )
    launch = plan(parsed, server="web", values={"PASSWORD": "hunter2"}, platform=PLATFORM)
    assert launch.connect == "tool -h web.karvdash-alice.svc -p $PASSWORD -n 3"
    assert "hunter2" not in repr(launch)


SECRET = "{apiVersion: v1, kind: Secret, metadata: %s}"
ROUTE = "rules: [{host: $V-$HOSTNAME, http: {paths: [{backend: {serviceName: a, servicePort: 1}}]}}]"


@pytest.mark.parametrize(
    ("document", "default", "value", "field"),
    [
        pytest.param(
            SECRET.replace("Secret", "$V") % "{name: a}", "Secret", "ClusterRole", "kind", id="kind"
        ),
        pytest.param(SECRET % "{name: $V}", "a", "karvdash-x", "metadata.name", id="name"),
        pytest.param(SECRET % "{name: $V}", "a", "", "metadata.name", id="no name"),
        pytest.param(
            SECRET % "{name: a, labels: {$V: b}}",
            "a",
            "karvdash.io/anchor",
            "metadata.labels[karvdash.io/anchor]",
            id="label",
        ),
        pytest.param(
            "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: $V}}",
            "ClusterIP",
            "NodePort",
            "spec.type",
            id="type",
        ),
        pytest.param(
            f"{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: a}}, spec: {{{ROUTE}}}}}",
            "a",
            "web-bob.example.com/a",
            "spec.rules[0].host",
            id="host",
        ),
    ],
)
def test_a_value_cannot_bring_back_what_is_refused(
    document: str, default: str, value: str, field: str
) -> None:
    declared = f"- {{name: V, default: {default}}}\n- {{name: HOSTNAME, default: x}}\n"
    parsed = template(document, variables=declared)
    with pytest.raises(ManifestsInvalid) as refused:
        plan(parsed, server="web", values={"V": value}, platform=PLATFORM)
    assert (0, field) in [(error.document, error.field) for error in refused.value.errors]


def test_two_objects_that_become_the_same() -> None:
    second = "{apiVersion: v1, kind: ConfigMap, metadata: {name: other}, data: {}}"
    parsed = template(config_map("a: b"), second)
    with pytest.raises(ManifestsInvalid, match="Document 1 is the ConfigMap other already"):
        plan(parsed, server="other", values={}, platform=PLATFORM)


def test_a_bad_server_name_is_the_users_mistake() -> None:
    with pytest.raises(ValuesInvalid, match="two hyphens"):
        plan(template(SERVICE), server="a--b", values={}, platform=PLATFORM)


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.name.partition(".")[0])
def test_bundled_templates_launch_with_no_field_filled_in(file: Path) -> None:
    parsed = parse(file.read_text(), id=template_id(file.name), filename=file.name)
    launch = plan(parsed, server="web", values={}, platform=PLATFORM)
    assert launch.service_name == "web"
    assert {dig(manifest, "metadata", "name") for manifest in launch.manifests} == {"web"}
    assert "$" not in json.dumps(launch.manifests).replace("$(REDIS_PASSWORD)", "")
    assert all(variable.help for variable in parsed.user_variables if variable.name != "NAME")


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.name.partition(".")[0])
def test_bundled_templates_ask_for_little_and_need_no_rights(file: Path) -> None:
    """They pass Pod Security's restricted profile and say when they are ready."""
    parsed = parse(file.read_text(), id=template_id(file.name))
    for manifest in plan(parsed, server="web", values={}, platform=PLATFORM).manifests:
        pod = dig(pod_template(manifest), "spec")
        if pod is None:
            continue
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert isinstance(pod["securityContext"]["runAsUser"], int), "an image's user may be a name"
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "readinessProbe" in container
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_what_is_bundled() -> None:
    found = [template_id(file.name) for file in BUNDLED]
    assert {"hello-kubernetes", "jupyter", "nginx", "redis"} <= set(found)
