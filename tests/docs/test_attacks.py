"""The pages of what was tried name tests that exist, and every case."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = {page.stem: page.read_text() for page in (ROOT.parent / "docs/reference").glob("attacks*.md")}


def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text()) if file.is_file() else ast.Module([], [])
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_the_tests_it_names_exist(page: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGES[page])
    assert len(named) > 20
    assert [f"{file}::{name}" for file, name in named if name not in functions(ROOT / file)] == []


def test_every_case_has_a_row_with_a_test() -> None:
    rows = re.findall(r"^\| ([\w.]+) \|.*\| `.+` \|$", PAGES["attacks"], re.MULTILINE)
    wanted = [f"H{number}" for number in range(1, 15)] + [f"P{number}" for number in range(1, 10)]
    assert rows == [*wanted, "N2", "D1", *(f"3.{number}" for number in range(1, 15))]
