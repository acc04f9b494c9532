"""What is known of a namespace, from single objects as the watches deliver them, in any order."""

from __future__ import annotations

from typing import Any

import pytest

from karvdash_hub.admission.patch import Dataset
from karvdash_hub.admission.table import (
    Claim,
    Kind,
    Ownerless,
    Table,
    Unknown,
    project_claim,
    project_dataset,
    project_namespace,
)

Json = dict[str, Any]
ALICE = "karvdash-alice"
BOUND = Claim(injected=False, bound=True, deleting=False, read_only=False, phase="Bound")


def namespace(name: str = ALICE, **annotations: str) -> Json:
    return {
        "metadata": {"name": name, "annotations": {f"karvdash.io/{k}": v for k, v in annotations.items()}}
    }


def claim(name: str, phase: str = "Bound", **metadata: Any) -> Json:
    return {
        "metadata": {"name": name, "namespace": ALICE, **metadata},
        "spec": {"accessModes": ["ReadWriteMany"]},
        "status": {"phase": phase},
    }


def dataset(name: str, status: Json | None = None, **metadata: Any) -> Json:
    return {
        "metadata": {"name": name, "namespace": ALICE, "uid": f"uid-{name}", **metadata},
        "status": status,
    }


PROJECT = {
    "namespace": project_namespace("karvdash-"),
    "claim": project_claim("karvdash-"),
    "dataset": project_dataset("karvdash-", "datashim.io/v1alpha1"),
    "dataset-old": project_dataset("karvdash-", "com.ie.ibm.hpsys/v1alpha1"),
}


def put(table: Table, kind: Kind, item: Json) -> None:
    metadata = item["metadata"]
    table.change(kind, (metadata.get("namespace", ""), metadata["name"]), PROJECT[kind](item))


def table(*items: tuple[Kind, Json]) -> Table:
    made = Table({"registry": "r"})
    for kind, item in items:
        put(made, kind, item)
    return made


@pytest.mark.parametrize(
    ("item", "domains"),
    [
        pytest.param(namespace(user="alice", volumes="private shared"), ("private", "shared"), id="both"),
        pytest.param(
            namespace(user="alice", volumes="shared private"), ("private", "shared"), id="other order"
        ),
        pytest.param(namespace(user="alice", volumes="shared"), ("shared",), id="one"),
        pytest.param(namespace(user="alice", volumes="/etc nonsense"), (), id="nonsense"),
        pytest.param(namespace(user="alice"), (), id="none"),
    ],
)
def test_the_namespace_says_what_its_pods_get(item: Json, domains: tuple[str, ...]) -> None:
    """Whether the claims have been seen or not: a pod waits for its claim."""
    facts = table(("namespace", item)).facts(ALICE)
    assert facts.domains == domains
    assert dict(facts.environment)["KARVDASH_USERNAME"] == "alice"


@pytest.mark.parametrize(
    ("labels", "domains"),
    [
        pytest.param({"karvdash.io/injected": "true"}, ("private",), id="the platform's"),
        pytest.param({"karvdash.io/injected": "false"}, (), id="not the platform's"),
        pytest.param(None, (), id="a user's own of that name"),
    ],
)
def test_a_claim_of_the_platform_counts_without_annotation(
    labels: Json | None, domains: tuple[str, ...]
) -> None:
    """Bound or not."""
    made = claim("karvdash-alice-volume-private", "Pending", labels=labels)
    assert table(("namespace", namespace(user="alice")), ("claim", made)).facts(ALICE).domains == domains


def test_a_namespace_that_is_not_known() -> None:
    """It may be new, so that can be tried again; other namespaces never get in."""
    known = table(("namespace", namespace("kube-system", user="alice")))
    for name in (ALICE, "kube-system"):
        with pytest.raises(Unknown, match="Try again"):
            known.facts(name)


@pytest.mark.parametrize("item", [namespace(), namespace(user=""), {"metadata": {"name": ALICE}}])
def test_a_namespace_without_user(item: Json) -> None:
    """Nobody's folders go into its pods, so it gets none."""
    with pytest.raises(Ownerless, match=r"karvdash\.io/user") as caught:
        table(("namespace", item)).facts(ALICE)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("status", "made", "expected"),
    [
        pytest.param(None, claim("d"), Dataset("d"), id="bound"),
        pytest.param(None, None, Dataset("d", "Datashim has not made its claim yet"), id="no claim"),
        pytest.param(None, claim("d", "Pending"), Dataset("d", "its claim is Pending"), id="pending"),
        pytest.param(None, claim("d", "Lost"), Dataset("d", "its claim is Lost"), id="lost"),
        pytest.param(
            None,
            claim("d", deletionTimestamp="2026-11-21T10:00:00Z"),
            Dataset("d", "its claim is being deleted"),
            id="deleting",
        ),
        pytest.param(
            {"provision": {"status": "Failed", "info": "no such bucket"}},
            claim("d", "Pending"),
            Dataset("d", "its claim is Pending (Datashim: no such bucket)"),
            id="Datashim says why",
        ),
        pytest.param(
            {"error": "wrong type"},
            None,
            Dataset("d", "Datashim has not made its claim yet (Datashim: wrong type)"),
            id="an older Datashim says why",
        ),
        pytest.param({"provision": {"status": "OK", "info": ""}}, claim("d"), Dataset("d"), id="provisioned"),
    ],
)
@pytest.mark.parametrize("kind", ["dataset", "dataset-old"])
def test_datasets(kind: Kind, status: Json | None, made: Json | None, expected: Dataset) -> None:
    """Ready is what has a bound claim."""
    known = table(("namespace", namespace(user="alice")), (kind, dataset("d", status)))
    if made:
        put(known, "claim", made)
    assert known.facts(ALICE).datasets == (expected,)


def test_a_dataset_that_can_only_be_read() -> None:
    """Its claim says so."""
    made = claim("d")
    made["spec"]["accessModes"] = ["ReadOnlyMany"]
    known = table(("namespace", namespace(user="alice")), ("dataset", dataset("d")), ("claim", made))
    assert known.facts(ALICE).datasets == (Dataset("d", read_only=True),)


def test_hidden_datasets_and_those_of_other_namespaces() -> None:
    """Karvdash's label for datasets that programs use."""
    hidden = dataset("h", labels={"karvdash-hidden": "true"})
    other = dataset("o")
    other["metadata"]["namespace"] = "default"
    known = table(("namespace", namespace(user="alice")), ("dataset", hidden), ("dataset", other))
    assert known.facts(ALICE).datasets == ()


def test_what_goes_is_forgotten() -> None:
    """Facts are kept between two questions and made anew after each change."""
    known = table(("namespace", namespace(user="alice")), ("dataset", dataset("d")), ("claim", claim("d")))
    assert known.facts(ALICE) is known.facts(ALICE)
    known.change("claim", (ALICE, "d"), None)
    assert known.facts(ALICE).datasets[0].problem
    known.change("dataset", (ALICE, "d"), None)
    assert known.facts(ALICE).datasets == ()
    known.change("namespace", ("", ALICE), None)
    with pytest.raises(Unknown):
        known.facts(ALICE)


def test_a_dataset_that_both_versions_of_datashim_have() -> None:
    """It is mounted once, and the Event is on the present one."""
    known = table(
        ("namespace", namespace(user="alice")), ("dataset-old", dataset("d")), ("dataset", dataset("d"))
    )
    assert [found.name for found in known.facts(ALICE).datasets] == ["d"]
    source = known.source(ALICE, "d")
    assert source is not None
    assert source.api_version == "datashim.io/v1alpha1"
