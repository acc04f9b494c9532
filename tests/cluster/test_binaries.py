"""Building from source: once, whole, and again when anything that went in has changed."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from cluster import ClusterError, binaries
from cluster.binaries import MODULES, Module, key

MAIN = """package main

import "fmt"

func main() { fmt.Println("built") }
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """A small program, and a cache of its own for what is built (Go's own caches stay warm)."""
    monkeypatch.setenv("GOCACHE", binaries._go(["env", "GOCACHE"], tmp_path).strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "main.go").write_text(MAIN)
    (folder / "go.mod").write_text("module small\n\ngo 1.25.0\n")
    (folder / "go.sum").write_text("")
    return Module("small", folder, ".", {"small": "tiny"})


def built(module: Module) -> list[Path]:
    return sorted(binaries.cache().joinpath("bin").rglob("*"))


def test_two_builders_at_once_build_once(module: Module) -> None:
    said: list[str] = []
    builders = [threading.Thread(target=binaries.ensure, args=(said.append, [module])) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    folder, program = built(module)
    assert subprocess.run([program], capture_output=True, check=True).stdout == b"built\n"
    assert (program.name, folder.stat().st_mode & 0o777) == ("tiny", 0o755)
    assert [text for text in said if "is built" in text] == [f"build 1 of 1: small is built: {folder}"]
    assert binaries.missing([module]) == []


def test_a_build_that_fails_says_why_and_leaves_nothing(module: Module) -> None:
    (module.folder / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(ClusterError, match="undefined: nonsense"):
        binaries.ensure(print, [module])
    assert built(module) == []


CHANGES = [
    pytest.param(lambda module, folder: dataclasses.replace(module, ldflags="-s"), id="flags"),
    pytest.param(lambda module, folder: dataclasses.replace(module, renamed={"a": "c"}), id="names"),
    pytest.param(lambda module, folder: (folder / "go.sum").write_text("x") and module, id="go.sum"),
    pytest.param(lambda module, folder: (folder / "more.go").write_text("") or module, id="another file"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_the_key_changes_with_what_goes_in(tmp_path: Path, change: object) -> None:
    folder = tmp_path / "module"
    shutil.copytree(MODULES[1].folder, folder)
    module = Module("x", folder, ".", {"a": "b"})
    before = key(module, "go1.26.6", "x86_64")
    assert callable(change)
    assert key(change(module, folder), "go1.26.6", "x86_64") != before


def test_the_key_knows_compiler_and_processor_and_nothing_else() -> None:
    one, again, compiler, processor = (
        key(MODULES[0], *machine)
        for machine in [
            ("go1.26.6", "x86_64"),
            ("go1.26.6", "x86_64"),
            ("go1.26.7", "x86_64"),
            ("go1.26.6", "aarch64"),
        ]
    )
    assert one == again
    assert len({one, compiler, processor}) == 3


def test_every_module_has_its_sums() -> None:
    """Without a committed go.sum nothing would be verified."""
    assert [module.name for module in MODULES if not (module.folder / "go.sum").stat().st_size] == []
