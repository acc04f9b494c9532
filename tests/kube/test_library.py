"""Templates of files and of users together, on a real cluster with the Hub's rights."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from karvdash_hub import errors
from karvdash_hub.errors import TemplateInvalid
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.library import TemplateLibrary
from karvdash_hub.kube.namespaces import ensure_namespace
from karvdash_hub.kube.rest import Kube
from tests.fixtures.clusters import SomeCluster
from tests.kube.conftest import UserNamespace
from tests.kube.test_template_files import TEXT

KIND = "karvdash.carv.ics.forth.gr/v1"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Bundled templates a, b, c and a broken one; the installation's own b, d, and a broken c."""
    bundled, state = tmp_path / "bundled", tmp_path / "state"
    (state / "templates").mkdir(parents=True)
    bundled.mkdir()
    for id in ("a", "b", "c"):
        (bundled / f"{id}.template.yaml").write_text(TEXT % f"bundled {id}")
    (bundled / "broken.template.yaml").write_text("nothing: useful")
    for id in ("b", "d"):
        (state / "templates" / f"{id}.template.yaml").write_text(TEXT % f"state {id}")
    (state / "templates" / "c.template.yaml").write_text("nothing: useful")
    return bundled, state


@pytest.fixture
async def library(
    folders: tuple[Path, Path], hub_config: KubeConfig, hub_kube: Kube
) -> AsyncIterator[TemplateLibrary]:
    made = TemplateLibrary(folders[0], str(folders[1]), [], hub_config, hub_kube)
    made.start()
    await made.synced()
    yield made
    await made.stop()


def offered(library: TemplateLibrary, namespace: str) -> dict[str, str]:
    return {template.id: template.name for template in library.for_user(namespace)}


def problems(library: TemplateLibrary, namespace: str) -> dict[str, bool]:
    return {problem["id"]: problem["custom"] for problem in library.problems(namespace) if problem["errors"]}


async def seen(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "not seen in 10 s"
        await asyncio.sleep(0.02)


PLATFORM = {"a": "bundled a", "b": "state b", "c": "bundled c", "d": "state d"}


async def test_files_are_known_as_soon_as_it_has_started(
    folders: tuple[Path, Path], hub_config: KubeConfig, hub_kube: Kube
) -> None:
    library = TemplateLibrary(folders[0], folders[1], ["a"], hub_config, hub_kube)
    library.start()
    assert offered(library, "any") == {"b": "state b", "c": "bundled c", "d": "state d"}
    assert problems(library, "any") == {"broken": False, "c": False}
    assert library.find("any", "c").name == "bundled c", "a broken override leaves the bundled one in place"
    with pytest.raises(TemplateInvalid):
        library.find("any", "broken")
    with pytest.raises(errors.NotFound, match="no service template 'a'"):
        library.find("any", "a")
    await library.stop()


async def test_changed_files_are_read_while_it_runs(
    library: TemplateLibrary, folders: tuple[Path, Path]
) -> None:
    folder = folders[1] / "templates"
    (folder / "e.template.yaml").write_text(TEXT % "state e")
    (folder / "b.template.yaml").unlink()
    await seen(lambda: offered(library, "any") == PLATFORM | {"b": "bundled b", "e": "state e"})
    (folder / "c.template.yaml").write_text(TEXT % "state c")
    os.utime(folder / "c.template.yaml", ns=(1, 1))
    await seen(lambda: offered(library, "any").get("c") == "state c")
    assert problems(library, "any") == {"broken": False}


async def test_a_template_of_ones_own(
    library: TemplateLibrary, cluster: SomeCluster, alice: UserNamespace
) -> None:
    text = TEXT % "My Own, Thing"
    added = await library.add(alice.name, text)

    assert added.id.startswith("my-own-thing-")
    assert (added.name, added.custom, added.text) == ("My Own, Thing", True, text)
    assert library.find(alice.name, added.id) == added
    assert offered(library, alice.name) == PLATFORM | {added.id: "My Own, Thing"}
    assert offered(library, "karvdash-somebody-else") == PLATFORM

    table = cluster.kubectl("get", "templates", "--namespace", alice.name).splitlines()
    assert table[0].split() == ["NAME", "TITLE", "DESCRIPTION", "AGE"]
    assert table[1].startswith(f"{added.id}   My Own, Thing   What for   ")
    stored = cluster.kubectl(
        "get", "template", added.id, "--namespace", alice.name, "--output=jsonpath={.spec.data}"
    )
    assert base64.b64decode(stored).decode() == text

    second = await library.add(alice.name, text)
    assert second.id != added.id
    await library.remove(alice.name, added.id)
    assert offered(library, alice.name) == PLATFORM | {second.id: "My Own, Thing"}
    with pytest.raises(errors.NotFound):
        library.find(alice.name, added.id)


async def test_objects_of_karvdash_are_understood(
    library: TemplateLibrary, cluster: SomeCluster, alice: UserNamespace, tmp_path: Path
) -> None:
    """Made by kubectl, without our annotations; base64 in lines, as the base64 program writes it."""
    data = base64.encodebytes((TEXT % "By Hand").encode()).decode()
    template = alice.manifest(KIND, "Template", "by-hand-abcd", spec={"data": data})
    (tmp_path / "template.json").write_text(json.dumps(template))
    cluster.kubectl("apply", "--filename", str(tmp_path / "template.json"))
    await seen(lambda: offered(library, alice.name) == PLATFORM | {"by-hand-abcd": "By Hand"})
    cluster.kubectl("delete", "template", "by-hand-abcd", "--namespace", alice.name)
    await seen(lambda: offered(library, alice.name) == PLATFORM)


async def test_ones_own_never_takes_the_place_of_a_files(
    library: TemplateLibrary, hub_kube: Kube, alice: UserNamespace
) -> None:
    data = base64.b64encode((TEXT % "Mine").encode()).decode()
    await hub_kube.create(alice.manifest(KIND, "Template", "a", spec={"data": data}), as_user=alice.account)
    await seen(lambda: problems(library, alice.name) == {"broken": False, "c": False, "a": True})
    assert offered(library, alice.name) == PLATFORM
    assert library.find(alice.name, "a").name == "bundled a"

    await library.remove(alice.name, "a")
    assert problems(library, alice.name) == {"broken": False, "c": False}
    assert offered(library, alice.name) == PLATFORM


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"spec": {"data": base64.b64encode(b"nothing: useful").decode()}}, id="no template"),
        pytest.param({"spec": {"data": "?!"}}, id="no base64"),
        pytest.param({"spec": {"data": "/w=="}}, id="no text"),
        pytest.param({"spec": {}}, id="no data"),
        pytest.param({}, id="no spec"),
    ],
)
async def test_a_broken_one_hides_nothing_and_can_be_removed(
    library: TemplateLibrary, hub_kube: Kube, alice: UserNamespace, spec: dict[str, object]
) -> None:
    good = await library.add(alice.name, TEXT % "Good")
    await hub_kube.create(alice.manifest(KIND, "Template", "bad", **spec), as_user=alice.account)
    await seen(lambda: problems(library, alice.name).get("bad") is True)
    assert offered(library, alice.name) == PLATFORM | {good.id: "Good"}
    assert "bad" not in problems(library, "karvdash-somebody-else")
    with pytest.raises(TemplateInvalid):
        library.find(alice.name, "bad")

    await library.remove(alice.name, "bad")
    assert "bad" not in problems(library, alice.name)


async def test_users_cannot_fill_the_hubs_memory(
    library: TemplateLibrary, hub_kube: Kube, alice: UserNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Templates made by kubectl are not bounded by ``add``."""
    monkeypatch.setattr("karvdash_hub.kube.library.MOST_OWN", 2)

    async def create(name: str, text: str) -> None:
        data = base64.b64encode(text.encode()).decode()
        template = alice.manifest(KIND, "Template", name, spec={"data": data})
        await hub_kube.create(template, as_user=alice.account)

    await create("large", (TEXT % "Large") + "#" * (1024 * 1024))
    await seen(lambda: "large" in problems(library, alice.name))
    await create("second", TEXT % "Second")
    await create("third", TEXT % "Third")
    await seen(lambda: "third" in problems(library, alice.name))
    assert offered(library, alice.name) == PLATFORM | {"second": "Second"}
    said = {one["id"]: one["errors"][0].message for one in library.problems(alice.name)}
    assert "at most 1048576 are read" in said["large"]
    assert "there are 2 others" in said["third"]
    assert [stored.text for stored in library._own[alice.name].values() if stored.text is not None] == [
        TEXT % "Second"
    ]


async def test_what_cannot_be_added_or_removed(library: TemplateLibrary, alice: UserNamespace) -> None:
    with pytest.raises(TemplateInvalid):
        await library.add(alice.name, "nothing: useful")
    with pytest.raises(errors.Forbidden, match="belongs to the platform"):
        await library.remove(alice.name, "a")
    for id in ("nosuch", "", "..", "a/b", "X"):
        with pytest.raises(errors.NotFound):
            await library.remove(alice.name, id)
    assert offered(library, alice.name) == PLATFORM


async def test_the_hardened_role_suffices(
    library: TemplateLibrary, hub_kube: Kube, person: UserNamespace
) -> None:
    await ensure_namespace(hub_kube, **person.wishes(user_role="edit"))
    added = await library.add(person.name, TEXT % "Hardened")
    await library.remove(person.name, added.id)


async def test_twenty_copies_are_parsed_once_and_cost_little(
    library: TemplateLibrary, hub_kube: Kube, alice: UserNamespace
) -> None:
    text = TEXT % "Many" + "# " + "x" * 200_000
    data = base64.b64encode(text.encode()).decode()
    manifests = [alice.manifest(KIND, "Template", f"t{i}", spec={"data": data}) for i in range(20)]
    await asyncio.gather(*(hub_kube.create(m, as_user=alice.account) for m in manifests))
    await seen(lambda: len(offered(library, alice.name)) == len(PLATFORM) + 20)
    assert len({id(template.text) for template in library.for_user(alice.name) if template.custom}) == 1


async def test_a_cluster_without_the_kind(
    folders: tuple[Path, Path], admin_config: KubeConfig, hub_kube: Kube
) -> None:
    """The files can be used; the rest is said. The API server answers 404 to a path it does not know."""
    elsewhere = dataclasses.replace(admin_config, server=f"{admin_config.server}/nothing-here")
    library = TemplateLibrary(folders[0], folders[1], [], elsewhere, hub_kube)
    library.start()
    await seen(lambda: "templates" in problems(library, "any"))
    assert offered(library, "any") == PLATFORM
    (said,) = [
        problem["errors"][0].message for problem in library.problems("any") if problem["id"] == "templates"
    ]
    assert "the API server answers 404" in said
    await library.stop()
