"""Paths of server-side apply, found in a manifest."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from karvdash_hub.kube.fieldpaths import locate, without
from karvdash_hub.service_templates.tree import show_path

MANIFEST: dict[str, Any] = {
    "metadata": {
        "name": "web",
        "labels": {"app": "x", "app.kubernetes.io/name": 5},
        "finalizers": ["a/b", "c/d"],
    },
    "spec": {
        "ports": [{"port": 80}, {"port": 80, "protocol": "UDP", "nam": "dns"}],
        "template": {"containers": [{"name": "a"}, {"name": "b.c", "env": [{"name": "X", "value": 1}]}]},
    },
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(".spec", "spec", id="top"),
        pytest.param(".metadata.labels.app", "metadata.labels.app", id="key that others begin with"),
        pytest.param(
            ".metadata.labels.app.kubernetes.io/name", "metadata.labels[app.kubernetes.io/name]", id="dots"
        ),
        pytest.param('.metadata.finalizers[="c/d"]', "metadata.finalizers[1]", id="item of a set"),
        pytest.param(".spec.ports[0].port", "spec.ports[0].port", id="index"),
        pytest.param('.spec.ports[port=80,protocol="UDP"].nam', "spec.ports[1].nam", id="two keys"),
        pytest.param('.spec.ports[port=80,protocol="TCP"]', "spec.ports[0]", id="key that is a default"),
        pytest.param(
            '.spec.template.containers[name="b.c"].env[name="X"].value',
            "spec.template.containers[1].env[0].value",
            id="nested",
        ),
        pytest.param(".spec.nosuch", None, id="no such field"),
        pytest.param(".spec.ports[7]", None, id="no such index"),
        pytest.param(".spec.ports[port=81]", None, id="no such item"),
        pytest.param('.spec[name="a"]', None, id="not a list"),
        pytest.param(".metadata.name.x", None, id="below a scalar"),
        pytest.param(".spec.ports[", None, id="not a path"),
    ],
)
def test_locate(path: str, text: str | None) -> None:
    place = locate(MANIFEST, path)
    assert text == (show_path(place) if place else None)


@pytest.mark.parametrize(
    ("places", "ports"),
    [
        pytest.param([("spec", "ports", 0)], [{"port": 2}, {"port": 3}], id="an item"),
        pytest.param([("spec", "ports", 0), ("spec", "ports", 2)], [{"port": 2}], id="two items"),
        pytest.param(
            [("spec", "ports", 1, "port"), ("spec", "ports", 1)],
            [{"port": 1}, {"port": 3}],
            id="inside another",
        ),
        pytest.param(
            [("spec", "ports", 0), ("spec", "ports", 1, "port")], [{}, {"port": 3}], id="before another"
        ),
    ],
)
def test_without(places: list[tuple[str | int, ...]], ports: list[dict[str, int]]) -> None:
    manifest = {"spec": {"ports": [{"port": 1}, {"port": 2}, {"port": 3}], "x": 1}}
    before = copy.deepcopy(manifest)
    assert {"spec": {"ports": ports, "x": 1}} == without(manifest, places)
    assert before == manifest
