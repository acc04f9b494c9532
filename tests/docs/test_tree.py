"""Habits that a machine can keep: short files, no paths of one machine, documents that name real things."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LONGEST = 320


def tracked(*patterns: str) -> list[Path]:
    """Files that git knows, as absolute paths."""
    done = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, text=True, capture_output=True, check=True
    )
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


def test_files_have_one_reason_to_change() -> None:
    """A longer file is usually two."""
    sizes = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in tracked("*.py")}
    assert {name: size for name, size in sizes.items() if size > LONGEST} == {}


def test_no_path_of_one_machine_is_committed() -> None:
    """A clone works in any folder."""
    wrong = re.compile(r"(^|[\s\"'=(:])/(work|farm|root/(?!\.cache\b))[/\w]", re.MULTILINE)
    texts = [path for path in tracked() if path.suffix not in {".png", ".sum", ".svg", ".ico"}]
    assert [
        str(path.relative_to(ROOT)) for path in texts if wrong.search(path.read_text(errors="replace"))
    ] == []


@pytest.mark.parametrize("folder", ["karvdash_hub", "cluster", "images", "demo"])
def test_every_package_opens_with_its_story(folder: str) -> None:
    """The docstring of a package says what it owns."""
    stories = {
        path: path.read_text().lstrip()[:3]
        for path in tracked(f"{folder}/**/__init__.py", f"{folder}/__init__.py")
    }
    assert {str(path.relative_to(ROOT)) for path, start in stories.items() if start != '"""'} == set()


def test_the_readme_names_commands_that_exist() -> None:
    """Every ``make x`` in the README is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?m)(?:`|^)make ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert named <= targets
    assert {"demo", "test"} <= named


def test_links_between_documents_lead_somewhere() -> None:
    """Relative links in Markdown files point to files of the repository."""
    broken = []
    for page in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if (
                "://" not in target
                and not target.startswith("mailto:")
                and not (page.parent / target).exists()
            ):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_the_launch_in_five_files_exists() -> None:
    """docs/explanation/architecture.md promises to lead through a launch in five files."""
    text = (ROOT / "docs/explanation/architecture.md").read_text()
    section = text.split("## A launch in five files", 1)[1].split("\n## ", 1)[0]
    files = re.findall(r"`((?:karvdash_hub|share)/[\w/.-]+)`", section)
    assert len(files) == 5
    assert [name for name in files if not (ROOT / name).is_file()] == []
