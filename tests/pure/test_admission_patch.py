"""From pod and facts to JSON patch, by tables; applied with the rules of RFC 6902 and then compared whole."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from karvdash_hub.admission.patch import (
    Dataset,
    Facts,
    Malformed,
    environment,
    patch,
    patch_ephemeral,
    volume_name,
)

Json = dict[str, Any]

NAMESPACE = "karvdash-alice"
FACTS = Facts(NAMESPACE, ("private", "shared"), environment=(("KARVDASH_USERNAME", "alice"),))
PRIVATE, SHARED, API = "karvdash-alice-volume-private", "karvdash-alice-volume-shared", "karvdash-api-volume"
VOLUMES = [
    {"name": PRIVATE, "persistentVolumeClaim": {"claimName": PRIVATE}},
    {"name": SHARED, "persistentVolumeClaim": {"claimName": SHARED}},
    {
        "name": API,
        "secret": {
            "secretName": "karvdash-api",
            "items": [{"key": "config.ini", "path": "config.ini"}],
            "optional": True,
        },
    },
]
MOUNTS = [
    {"name": PRIVATE, "mountPath": "/private"},
    {"name": SHARED, "mountPath": "/shared"},
    {"name": API, "mountPath": "/var/lib/karvdash", "readOnly": True},
]
ENV = [{"name": "KARVDASH_USERNAME", "value": "alice"}]


def pod(*containers: Json, **spec: Any) -> Json:
    """A pod with these containers."""
    return {"metadata": {"name": "p"}, "spec": {"containers": list(containers) or [{"name": "main"}], **spec}}


def applied(before: Json, operations: list[Json]) -> Json:
    """Apply "add" operations, the only ones that may occur."""
    after = deepcopy(before)
    for operation in operations:
        assert operation["op"] == "add"
        *path, last = [
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        ]
        place: Any = after
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if isinstance(place, list):
            place.insert(len(place) if last == "-" else int(last), deepcopy(operation["value"]))
        else:
            place[last] = deepcopy(operation["value"])
    return after


def patched(before: Json, facts: Facts = FACTS) -> Json:
    """The pod as it will be; asking again must change nothing."""
    found = patch(before, facts)
    after = applied(before, found.operations)
    again = patch(after, facts)
    assert again.operations == []
    assert again.notes == found.notes
    return after


@pytest.mark.parametrize("section", ["containers", "initContainers"])
@pytest.mark.parametrize("empty", [{}, {"volumeMounts": [], "env": []}, {"volumeMounts": None, "env": None}])
def test_a_container_gets_volumes_and_variables(section: str, empty: Json) -> None:
    """Whether its lists are absent, empty or null."""
    before = pod({"name": "other"})
    before["spec"][section] = [{"name": "main", "restartPolicy": "Always", **empty}]
    after = patched(before)
    full = {"name": "main", "restartPolicy": "Always", "volumeMounts": MOUNTS, "env": ENV}
    assert after["spec"][section] == [full]
    assert after["spec"]["volumes"] == VOLUMES


def test_what_the_pod_has_stays_in_its_place() -> None:
    """Theirs first among volumes and mounts; ours first among variables, so that theirs can use them."""
    mount, variable = {"name": "data", "mountPath": "/data"}, {"name": "A", "value": "$(KARVDASH_USERNAME)"}
    volume = {"name": "data", "emptyDir": {}}
    before = pod({"name": "main", "volumeMounts": [mount], "env": [variable]}, volumes=[volume])
    after = patched(before)
    assert after["spec"]["volumes"] == [volume, *VOLUMES]
    [container] = after["spec"]["containers"]
    assert container["volumeMounts"] == [mount, *MOUNTS]
    assert container["env"] == [*ENV, variable]


def test_several_variables_keep_their_order() -> None:
    """They are put in front one by one."""
    facts = FACTS._replace(environment=(("KARVDASH_A", "1"), ("KARVDASH_B", "2"), ("KARVDASH_C", "3")))
    theirs = [{"name": "KARVDASH_B", "value": "mine"}]
    [container] = patched(pod({"name": "main", "env": theirs}), facts)["spec"]["containers"]
    assert [(variable["name"], variable["value"]) for variable in container["env"]] == [
        ("KARVDASH_A", "1"),
        ("KARVDASH_C", "3"),
        ("KARVDASH_B", "mine"),
    ]


@pytest.mark.parametrize(
    ("volume", "name"),
    [
        pytest.param(
            {"name": "x", "persistentVolumeClaim": {"claimName": PRIVATE}}, "x", id="same claim, other name"
        ),
        pytest.param(
            {"name": "x", "persistentVolumeClaim": {"claimName": PRIVATE, "readOnly": False}},
            "x",
            id="not read-only",
        ),
        pytest.param(
            {"name": "x", "persistentVolumeClaim": {"claimName": PRIVATE, "readOnly": True}},
            PRIVATE,
            id="read-only",
        ),
        pytest.param({"name": PRIVATE, "emptyDir": {}}, f"{PRIVATE}-2", id="our name, nothing behind it"),
        pytest.param(
            {"name": PRIVATE, "persistentVolumeClaim": {"claimName": "theirs"}},
            f"{PRIVATE}-2",
            id="our name, their claim",
        ),
        pytest.param({"name": PRIVATE, "hostPath": {"path": "/"}}, f"{PRIVATE}-2", id="our name, the host"),
    ],
)
def test_a_volume_is_known_by_where_it_leads(volume: Json, name: str) -> None:
    """A name alone neither helps nor harms."""
    after = patched(pod(volumes=[volume]))
    [container] = after["spec"]["containers"]
    assert container["volumeMounts"][0] == {"name": name, "mountPath": "/private"}
    found = [one for one in after["spec"]["volumes"] if one["name"] == name]
    assert [one["persistentVolumeClaim"]["claimName"] for one in found] == [PRIVATE]
    assert after["spec"]["volumes"][0] == volume


def test_two_names_that_are_taken() -> None:
    """The next free one is used, also among our own."""
    taken = [{"name": name, "emptyDir": {}} for name in (PRIVATE, f"{PRIVATE}-2")]
    facts = FACTS._replace(datasets=(Dataset("a"), Dataset("a-2")))
    taken.append({"name": "karvdash-dataset-a", "emptyDir": {}})
    after = patched(pod(volumes=taken), facts)
    names = [volume["name"] for volume in after["spec"]["volumes"]]
    assert len(names) == len(set(names))
    assert f"{PRIVATE}-3" in names
    assert {"karvdash-dataset-a-2", "karvdash-dataset-a-2-2"} <= set(names)


@pytest.mark.parametrize(
    ("theirs", "at"),
    [
        pytest.param({"volumeMounts": [{"name": "x", "mountPath": "/private"}]}, "/private", id="same path"),
        pytest.param(
            {"volumeMounts": [{"name": "x", "mountPath": "/private/"}]}, "/private", id="slash at its end"
        ),
        pytest.param(
            {"volumeMounts": [{"name": "x", "mountPath": "//private/."}]}, "/private", id="odd spelling"
        ),
        pytest.param({"volumeMounts": [{"name": "x", "mountPath": "/"}]}, "/", id="above"),
        pytest.param({"volumeDevices": [{"name": "x", "devicePath": "/private"}]}, "/private", id="device"),
    ],
)
def test_a_path_that_is_taken_stays_theirs(theirs: Json, at: str) -> None:
    """And the pod says so; another container is not concerned."""
    after = patched(pod({"name": "one", **theirs}, {"name": "two"}))
    one, two = after["spec"]["containers"]
    paths = [mount["mountPath"] for mount in one.get("volumeMounts", ()) if mount["name"] == PRIVATE]
    assert paths == []
    assert two["volumeMounts"] == MOUNTS
    note = after["metadata"]["annotations"]["karvdash.io/left-out"]
    assert note.startswith(f"Container one has a volume of its own at {at}, so not ours.")


@pytest.mark.parametrize("path", ["/privat", "/private2", "/private/cache", "/var/lib/karvdash-x", "/data"])
def test_a_path_beside_or_below_ours_is_no_obstacle(path: str) -> None:
    """Kubernetes mounts what is above first."""
    before = pod({"name": "main", "volumeMounts": [{"name": "x", "mountPath": path}]})
    after = patched(before)
    assert after["spec"]["containers"][0]["volumeMounts"][1:] == MOUNTS
    assert "annotations" not in after["metadata"]


DATASETS = (Dataset("books"), Dataset("maps", read_only=True), Dataset("logs", "its claim is Pending"))


def test_datasets_that_are_ready_are_mounted_and_the_others_named() -> None:
    """One broken dataset costs nobody a pod."""
    facts = FACTS._replace(datasets=DATASETS)
    before = pod()
    before["metadata"]["annotations"] = {"a": "b"}
    found = patch(before, facts)
    assert found.datasets == (Dataset("logs", "its claim is Pending"),)
    after = patched(before, facts)
    assert after["spec"]["containers"][0]["volumeMounts"][3:] == [
        {"name": "karvdash-dataset-books", "mountPath": "/mnt/datasets/books"},
        {"name": "karvdash-dataset-maps", "mountPath": "/mnt/datasets/maps", "readOnly": True},
    ]
    assert after["spec"]["volumes"][3] == {
        "name": "karvdash-dataset-books",
        "persistentVolumeClaim": {"claimName": "books"},
    }
    assert after["metadata"]["annotations"] == {
        "a": "b",
        "karvdash.io/left-out": "Dataset logs is not mounted: its claim is Pending.",
    }


@pytest.mark.parametrize(("value", "mounted"), [("true", False), ("True", True), ("false", True), ("", True)])
def test_the_label_that_asks_for_no_datasets(value: str, mounted: bool) -> None:
    """Karvdash's own: exactly "true". Nothing is said of datasets that nobody wanted."""
    before = pod()
    before["metadata"]["labels"] = {"karvdash-no-datasets": value}
    found = patch(before, FACTS._replace(datasets=DATASETS))
    assert ("/mnt/datasets/books" in json.dumps(found.operations)) is mounted
    assert bool(found.notes) is mounted


def test_a_namespace_without_data_domains() -> None:
    """Only the token is left, and what there is to say."""
    after = patched(pod(), Facts(NAMESPACE))
    assert after["spec"]["volumes"] == VOLUMES[2:]
    assert "env" not in after["spec"]["containers"][0]


def test_containers_that_join_a_running_pod() -> None:
    """They get the volumes that are there, under the names that they have there; nothing else is touched."""
    volume = {"name": "x", "persistentVolumeClaim": {"claimName": PRIVATE}}
    running = pod(volumes=[volume], ephemeralContainers=[{"name": "old"}, {"name": "new"}])
    found = patch_ephemeral(running, FACTS._replace(datasets=DATASETS), before={"old"})
    assert applied(running, found.operations)["spec"] == {
        **running["spec"],
        "ephemeralContainers": [
            {"name": "old"},
            {"name": "new", "volumeMounts": [{"name": "x", "mountPath": "/private"}], "env": ENV},
        ],
    }


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        pytest.param({"metadata": {}, "spec": []}, "spec", id="spec"),
        pytest.param({"metadata": {}, "spec": {"containers": {}}}, "spec.containers", id="containers"),
        pytest.param({"metadata": {}, "spec": {"containers": ["x"]}}, "spec.containers", id="container"),
        pytest.param({"metadata": {}, "spec": {"volumes": [1]}}, "spec.volumes", id="volumes"),
        pytest.param({"metadata": {"labels": []}, "spec": {}}, "metadata.labels", id="labels"),
        pytest.param(
            {"metadata": {}, "spec": {"containers": [{}, {"volumeMounts": "x"}]}},
            "spec.containers[1].volumeMounts",
            id="mounts",
        ),
        pytest.param(
            {"metadata": {}, "spec": {"initContainers": [{"env": {}}]}},
            "spec.initContainers[0].env",
            id="env",
        ),
    ],
)
def test_what_is_no_pod_is_named(broken: Json, field: str) -> None:
    """The API server sends none of these; whoever else does learns why nothing came of it."""
    with pytest.raises(Malformed) as caught:
        patch(broken, FACTS)
    assert caught.value.message.startswith(f"object.{field} has to be a ")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, {}, id="nothing set"),
        pytest.param({"registry": "r:5000"}, {"KARVDASH_REGISTRY": "r:5000"}, id="registry"),
        pytest.param(
            {"ingress_url": "https://h", "argo_url": "https://a"},
            {"KARVDASH_INGRESS_URL": "https://h", "KARVDASH_ARGO_URL": "https://a"},
            id="addresses",
        ),
    ],
)
def test_variables(settings: dict[str, str], expected: dict[str, str]) -> None:
    """What is not set is left out; a "$" is doubled, since Kubernetes would expand it."""
    common = {
        "KARVDASH_USERNAME": "a$$(HOME)$$b",
        "KARVDASH_NAMESPACE": NAMESPACE,
        "KARVDASH_PRIVATE_DIR": "/private",
        "KARVDASH_PRIVATE_VOLUME": PRIVATE,
    }
    assert dict(environment(Facts(NAMESPACE, ("private",)), "a$(HOME)$b", **settings)) == common | expected


@pytest.mark.parametrize(
    "text", ["a", "karvdash-dataset-books", "a.b", "x" * 63, "x" * 64, "A_b", "a" * 60 + "-.-", "-" * 70]
)
def test_names_of_volumes_are_valid(text: str) -> None:
    """At most 63 characters of a DNS label; different texts have different names."""
    name = volume_name(text)
    assert len(name) <= 63
    assert all(part for part in (name[0].isalnum(), name[-1].isalnum()))
    assert name != volume_name(f"{text}x")


def test_a_pod_of_sixty_kilobytes() -> None:
    """The patch grows with the number of containers and not with what is in them."""
    env = [{"name": f"V{number}", "value": "x" * 200} for number in range(280)]
    before = pod({"name": "main", "env": env})
    assert len(json.dumps(before)) > 60_000
    found = patch(before, FACTS)
    assert len(json.dumps(found.operations)) < 2_000
    patched(before)
