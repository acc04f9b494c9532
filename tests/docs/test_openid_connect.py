"""The list of the conformance plan's modules names all of them, and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROW = re.compile(r"^\| (OIDC\w+) \| (.*) \|$", re.MULTILINE)


def test_every_module_has_a_test_that_exists() -> None:
    rows = ROW.findall((ROOT / "docs/reference/openid-connect.md").read_text())
    assert len({module for module, _ in rows}) == len(rows) == 38
    missing = [
        f"{module}: {file}::{name}"
        for module, text in rows
        for file, name in re.findall(r"`(test_\w+\.py)::(\w+)`", text) or [("no", "test")]
        if not (ROOT / "tests/oidc" / file).is_file()
        or f"def {name}(" not in (ROOT / "tests/oidc" / file).read_text()
    ]
    assert missing == []
