"""The cache: one build for each state of a recipe."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from images import ImageError, build, build_all
from images.build import KEPT, inputs_digest
from images.layout import blob_path, manifest
from images.recipe import Recipe, load


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A copy of jupyter's recipe, which has every kind of input but Go."""
    shutil.copytree(load("jupyter").folder, tmp_path / "recipes" / "jupyter")
    (tmp_path / "kubectl").write_text("1")
    return load("jupyter", tmp_path / "recipes")


def programs(recipe: Recipe) -> dict[str, Path]:
    return {"kubectl": recipe.folder.parent.parent / "kubectl"}


def add_a_file(recipe: Recipe) -> None:
    (recipe.folder / "files" / "etc" / "motd").write_text("")


def change_a_pin(recipe: Recipe) -> None:
    (recipe.folder / "requirements.txt").write_text("jupyterlab==1\n")


def allow_execution(recipe: Recipe) -> None:
    (recipe.folder / "files" / "etc" / "passwd").chmod(0o755)


def change_kubectl(recipe: Recipe) -> None:
    programs(recipe)["kubectl"].write_text("2")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(add_a_file, id="file-added"),
        pytest.param(change_a_pin, id="content"),
        pytest.param(allow_execution, id="mode"),
        pytest.param(change_kubectl, id="program-from-elsewhere"),
    ],
)
def test_the_digest_changes_with_every_input(recipe: Recipe, change: Callable[[Recipe], None]) -> None:
    before = inputs_digest(recipe, programs(recipe))
    assert before == inputs_digest(recipe, programs(recipe))
    change(recipe)
    assert before != inputs_digest(recipe, programs(recipe))


def test_the_place_of_the_recipe_does_not_count(recipe: Recipe, tmp_path: Path) -> None:
    before = inputs_digest(recipe, programs(recipe))
    moved = recipe.folder.rename(tmp_path / "recipes" / "moved")
    assert inputs_digest(replace(recipe, folder=moved), programs(recipe)) == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({}, "no path was given", id="none"),
        pytest.param({"kubectl": Path("/no/kubectl")}, "/no/kubectl does not exist", id="wrong"),
    ],
)
def test_a_missing_program_is_named_with_its_cure(given: dict[str, Path], message: str) -> None:
    with pytest.raises(ImageError, match=rf"jupyter: needs the program kubectl, and {message}.*make cluster"):
        build("jupyter", programs=given)


def test_an_image_is_built_once_and_again_when_asked(cache: Path) -> None:
    said: list[str] = []
    first = build("pause", progress=said.append)
    assert first.references == ("pause:3.10",)
    assert said[0] == "pause: compiling"
    said.clear()
    assert build("pause", progress=said.append) == first
    assert said == []
    before = manifest(first.folder)
    assert build("pause", fresh=True, progress=said.append) == first
    assert said
    assert manifest(first.folder) == before  # the same inputs make the same bytes


def test_the_layout_is_complete(cache: Path) -> None:
    image = build("pause", progress=print)
    document = json.loads(manifest(image.folder))
    assert json.loads((image.folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    for blob in (document["config"], *document["layers"]):
        assert blob_path(image.folder, blob["digest"]).stat().st_size == blob["size"]
    config = json.loads(blob_path(image.folder, document["config"]["digest"]).read_text())
    assert config["config"]["Entrypoint"] == ["/pause"]


def build_in_a_process(said: multiprocessing.Queue[str]) -> None:
    build("pause", progress=said.put)


def test_two_processes_build_an_image_once(cache: Path) -> None:
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    processes = [context.Process(target=build_in_a_process, args=(said,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    texts = [said.get(timeout=5) for _ in range(2)]
    assert said.empty()
    assert texts[0] == "pause: compiling"
    assert texts[1].startswith("pause: built in")


def test_what_a_killed_build_left_is_removed_and_old_states_do_not_pile_up(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / ".pause-killed").mkdir()
    for number in range(KEPT + 2):
        (cache / f"pause-{number}.oci").mkdir()
    (cache / "pause-bar-0.oci").mkdir()  # another image, whose name begins alike
    image = build("pause", progress=print)
    left = {path.name for path in cache.iterdir()} - {image.folder.name, "pause.lock", "pause-bar-0.oci"}
    assert len(left) == KEPT - 1
    assert all(name.startswith("pause-") for name in left)


def test_all_failures_are_reported(cache: Path) -> None:
    with pytest.raises(ImageError) as raised:
        build_all(["nosuch", "pause", "other"], progress=print)
    assert [line.partition(".")[0] for line in str(raised.value).splitlines()] == [
        "There is no image called 'nosuch'",
        "There is no image called 'other'",
    ]
    assert list(cache.glob("pause-*.oci"))
