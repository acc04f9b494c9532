"""CPU, memory and GPUs of a launch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from karvdash_hub.errors import ValuesInvalid
from karvdash_hub.service_templates import Manifest, Size, check_size, resize, size_of

GPU = "nvidia.com/gpu"


def deployment(resources: Any = None, name: str = "a") -> Manifest:
    containers = [{"name": "main", "resources": resources}, {"name": "sidecar"}]
    spec = {"template": {"spec": {"containers": containers}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("resources", "size", "result"),
    [
        pytest.param(
            None,
            Size("1", "2Gi", 1),
            {
                "requests": {"cpu": "1", "memory": "2Gi", GPU: "1"},
                "limits": {"cpu": "1", "memory": "2Gi", GPU: "1"},
            },
            id="a template that knows nothing of sizes",
        ),
        pytest.param(
            {"requests": {"cpu": "10m", "x": "1"}, "limits": {"memory": "1Gi"}},
            Size("1"),
            {"requests": {"cpu": "1", "x": "1"}, "limits": {"cpu": "1", "memory": "1Gi"}},
            id="what is not asked for stays",
        ),
        pytest.param(
            {"requests": {GPU: 1}, "limits": {GPU: 1}},
            Size(gpu=0),
            {"requests": {}, "limits": {}},
            id="no GPU",
        ),
        pytest.param({"limits": {GPU: 1}}, Size(), {"limits": {GPU: 1}}, id="nothing asked for"),
        pytest.param(
            None,
            Size(gpu=2, gpu_resource="amd.com/gpu"),
            {"requests": {"amd.com/gpu": "2"}, "limits": {"amd.com/gpu": "2"}},
            id="another maker's GPUs",
        ),
    ],
)
def test_resize(resources: Any, size: Size, result: Any) -> None:
    given = [{"kind": "Service"}, deployment(resources), deployment(name="b")]
    before = json.dumps(given)
    _, first, second = resize(given, size)
    assert json.dumps(given) == before
    main, sidecar = first["spec"]["template"]["spec"]["containers"]
    assert main["resources"] == result
    assert sidecar == {"name": "sidecar"}
    assert second == deployment(name="b")


def test_a_size_needs_a_container() -> None:
    with pytest.raises(ValuesInvalid, match="runs no container of its own"):
        resize([{"kind": "Service"}], Size("1"))
    assert resize([{"kind": "Service"}], Size()) == [{"kind": "Service"}]


@pytest.mark.parametrize(
    ("resources", "size"),
    [
        (None, Size("", "", 0)),
        ({"requests": {"cpu": "10m", "memory": 5}, "limits": {"cpu": "1", GPU: 2}}, Size("10m", "5", 2)),
        ({"limits": {"cpu": "1"}}, Size("1", "", 0)),
        ({"limits": {GPU: "many"}}, Size("", "", 0)),
    ],
)
def test_size_of(resources: Any, size: Size) -> None:
    assert size_of([deployment(resources)]) == size


@pytest.mark.parametrize(
    ("sent", "size"),
    [
        (None, Size()),
        ({}, Size()),
        ({"cpu": "", "memory": None, "gpu": ""}, Size()),
        ({"cpu": "500m", "memory": "1.5Gi", "gpu": "1"}, Size("500m", "1.5Gi", 1)),
        ({"cpu": 2, "memory": 1073741824, "gpu": 0}, Size("2", "1073741824", 0)),
    ],
)
def test_check_size(sent: Any, size: Size) -> None:
    assert check_size(sent) == size
    assert check_size(size.to_dict()) == size


@pytest.mark.parametrize(
    ("sent", "messages"),
    [
        ({"cpu": "many"}, {"cpu": "CPU must be an amount such as 500m, 2 or 1.5Gi."}),
        ({"cpu": "0"}, {"cpu": "CPU must be at least 1m."}),
        ({"cpu": "-1"}, {"cpu": "CPU must be at least 1m."}),
        ({"cpu": "1Gi"}, {"cpu": "CPU must be at most 10k."}),
        (
            {"memory": "2"},
            {"memory": "Memory must be at least 1Mi (2 means 2 bytes; write 2Gi for gibibytes)."},
        ),
        ({"memory": "1Ei"}, {"memory": "Memory must be at most 1Pi."}),
        ({"gpu": "-1"}, {"gpu": "GPUs must be between 0 and 1000."}),
        ({"gpu": "half"}, {"gpu": "GPUs must be a whole number, such as 3, not 'half'."}),
        ({"cpus": "1"}, {"cpus": "A size has cpu, memory and gpu."}),
        (
            {"cpu": [], "memory": "x", "gpu": 1.5},
            {
                "cpu": "CPU must be a single value.",
                "memory": "Memory must be an amount such as 500m, 2 or 1.5Gi.",
                "gpu": "GPUs must be a whole number, such as 3, not 1.5.",
            },
        ),
    ],
)
def test_bad_sizes(sent: Any, messages: dict[str, str]) -> None:
    with pytest.raises(ValuesInvalid) as refused:
        check_size(sent)
    assert all(error.field.startswith("size.") for error in refused.value.errors)
    assert {error.field.removeprefix("size."): error.message for error in refused.value.errors} == messages
