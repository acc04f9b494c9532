"""Folders of template files, as an installation keeps them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from karvdash_hub.kube.template_files import Folder
from karvdash_hub.service_templates import ServiceTemplate
from karvdash_hub.share import share_dir

TEXT = """\
apiVersion: v1
kind: Service
metadata: {name: $NAME}
spec: {selector: {app: $NAME}, ports: [{port: 80}]}
---
kind: Template
name: %s
description: What for
variables:
- {name: NAME, default: web}
"""


def shown(folder: Folder) -> dict[str, str]:
    """Each id with the template's name, or with what is wrong."""
    return {
        id: outcome.name if isinstance(outcome, ServiceTemplate) else "; ".join(map(str, outcome))
        for id, outcome in folder.outcomes()
    }


def test_the_bundled_templates_can_be_used() -> None:
    folder = Folder(share_dir("templates", "services"))
    folder.read()
    found = dict(folder.outcomes())
    assert {"hello-kubernetes", "jupyter", "nginx", "redis"} <= found.keys()
    assert [outcome for outcome in found.values() if not isinstance(outcome, ServiceTemplate)] == []


@pytest.mark.parametrize("path", [None, Path("/nonexistent/templates")])
def test_no_folder_is_an_empty_one(path: Path | None) -> None:
    folder = Folder(path)
    assert folder.read() is False
    assert shown(folder) == {}


def test_only_changed_files_are_read_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.template.yaml").write_text(TEXT % name.upper())
    folder = Folder(tmp_path)
    assert folder.read() is True
    first = dict(folder.outcomes())
    assert folder.read() is False

    (tmp_path / "a.template.yaml").write_text(TEXT % "New")
    os.utime(tmp_path / "a.template.yaml", ns=(1, 1))
    assert folder.read() is True
    second = dict(folder.outcomes())
    assert shown(folder) == {"a": "New", "b": "B"}
    assert second["b"] is first["b"]

    (tmp_path / "b.template.yaml").unlink()
    assert folder.read() is True
    assert shown(folder) == {"a": "New"}


@pytest.mark.parametrize(
    "disabled", [pytest.param("b", id="by id"), pytest.param("b.template.yaml", id="by file name")]
)
def test_disabled_files_are_left_out(tmp_path: Path, disabled: str) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.template.yaml").write_text(TEXT % name)
    folder = Folder(tmp_path, [disabled])
    folder.read()
    assert shown(folder) == {"a": "a"}


def test_what_cannot_be_used_is_reported_and_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "good.template.yaml").write_text(TEXT % "Good")
    (tmp_path / "good.second.template.yaml").write_text(TEXT % "Other")
    (tmp_path / "two-mistakes.template.yaml").write_text("kind: Template\nvariables: 3\n")
    (tmp_path / "Upper.template.yaml").write_text(TEXT % "Upper")
    (tmp_path / "plain.yaml").write_text(TEXT % "Plain")
    (tmp_path / "latin.template.yaml").write_bytes(b"kind: caf\xe9")
    (tmp_path / "folder.template.yaml").mkdir()
    (tmp_path / "notes.txt").write_text("not a template")
    folder = Folder(tmp_path)
    folder.read()
    found = shown(folder)
    mistakes = dict(folder.outcomes())["two-mistakes"]
    assert isinstance(mistakes, tuple)
    assert len(mistakes) > 1, "all at once"
    assert {id: text for id, text in found.items() if id not in ("two-mistakes", "Upper", "plain.yaml")} == {
        "good": "The file good.template.yaml is left out: good.second.template.yaml has the same id.",
        "latin": "The file latin.template.yaml is not UTF-8 text: byte 9.",
        "folder": "The file folder.template.yaml cannot be read: Is a directory.",
    } | {"good": found["good"]}
    assert [o.name for _, o in folder.outcomes() if isinstance(o, ServiceTemplate)] == ["Other"]
    assert "is no name for a service template" in found["Upper"]
    assert "is no name for a service template" in found["plain.yaml"]
