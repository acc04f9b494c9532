"""Images go to a real docker-registry, once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import requests

from images import ImageError, push_all
from images.layer import Entry
from images.layout import write
from images.oci import MANIFEST_TYPE, Process
from images.registry import Registry

REFERENCES = ("own/thing:1", "own/thing:1.2", "library/other:7")


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return make_layout(tmp_path, "first", "hello")


def make_layout(tmp_path: Path, name: str, content: str) -> Path:
    """Write an image with two layers, of which only the second depends on ``content``."""
    (tmp_path / "same").write_text("same")
    (tmp_path / f"{name}.txt").write_text(content)
    folder = tmp_path / name
    write(
        folder,
        process=Process(entrypoint=("/x",)),
        architecture="amd64",
        layers=[[Entry("same", tmp_path / "same")], [Entry("x", tmp_path / f"{name}.txt", mode=0o755)]],
        references=lambda: REFERENCES,
        summary="",
    )
    return folder


def manifest(registry: str, reference: str) -> requests.Response:
    repository, _, tag = reference.rpartition(":")
    return requests.get(
        f"http://{registry}/v2/{repository}/manifests/{tag}", headers={"Accept": MANIFEST_TYPE}, timeout=5
    )


def test_every_reference_can_be_pulled_whole(registry: str, layout: Path) -> None:
    with Registry(registry) as client:
        assert client.push(layout) == 3
    for reference in REFERENCES:
        document = manifest(registry, reference).json()
        for blob in (document["config"], *document["layers"]):
            repository = reference.rpartition(":")[0]
            data = requests.get(
                f"http://{registry}/v2/{repository}/blobs/{blob['digest']}", timeout=5
            ).content
            assert "sha256:" + hashlib.sha256(data).hexdigest() == blob["digest"]
            assert len(data) == blob["size"]


def test_a_second_push_sends_nothing(registry: str, layout: Path, tmp_path: Path) -> None:
    with Registry(registry) as client:
        client.push(layout)
    with Registry(registry) as client:
        assert client.push(layout) == 0
    log = (tmp_path / "registry.log").read_text()
    uploads = [line for line in log.splitlines() if '"PUT /v2/' in line and "/blobs/uploads/" in line]
    assert len(uploads) == 3  # config and two layers; the second repository took them from the first


def test_a_changed_image_takes_over_its_tags_and_sends_only_what_is_new(
    registry: str, layout: Path, tmp_path: Path
) -> None:
    changed = make_layout(tmp_path, "second", "changed")
    with Registry(registry) as client:
        client.push(layout)
        before = manifest(registry, REFERENCES[0]).json()
        assert client.push(changed) == 3
    after = manifest(registry, REFERENCES[0]).json()
    assert after["layers"][0] == before["layers"][0]
    assert after["layers"][1] != before["layers"][1]
    assert manifest(registry, REFERENCES[2]).json() == after


def test_a_lost_tag_comes_back_without_an_upload(registry: str, layout: Path, tmp_path: Path) -> None:
    with Registry(registry) as client:
        client.push(layout)
        link = (
            tmp_path / "registry/docker/registry/v2/repositories/own/thing/_manifests/tags/1.2/current/link"
        )
        link.unlink()
        assert client.push(layout) == 1
    assert manifest(registry, "own/thing:1.2").status_code == 200


def test_a_registry_that_is_away_is_named(layout: Path) -> None:
    with (
        Registry("127.0.0.1:1") as client,
        pytest.raises(ImageError, match=r"registry at 127\.0\.0\.1:1 does not answer.*make cluster"),
    ):
        client.push(layout)


def test_a_refusal_says_what_was_refused(registry: str, layout: Path) -> None:
    index = layout / "index.json"
    index.write_text(index.read_text().replace("own/thing:1.2", "Own/Thing:1.2"))
    with (
        Registry(registry) as client,
        pytest.raises(ImageError, match=r"refused POST /v2/Own/Thing/blobs/uploads/ with 404: 404 page"),
    ):
        client.push(layout)


def test_push_all_builds_pushes_and_then_does_nothing(registry: str, cache: Path) -> None:
    said: list[str] = []
    images = push_all(registry, ["pause"], progress=said.append)
    assert [image.name for image in images] == ["pause"]
    assert manifest(registry, "pause:3.10").status_code == 200
    assert said[-1] == "pause: pushed pause:3.10"
    said.clear()
    assert push_all(registry, ["pause"], progress=said.append) == images
    assert said == []
