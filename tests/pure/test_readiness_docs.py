"""The sentences that the documentation promises are those that the tables of these tests expect."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "explanation" / "watches-and-readiness.md"
ROW = re.compile(r"^\| [^|]+ \| \*(.+)\* \|$", re.MULTILINE)


def test_every_promised_sentence_is_expected_somewhere() -> None:
    tables = [path.read_text() for path in HERE.glob("test_readiness_*.py")]
    # Long sentences are written as several adjacent strings.
    joined = re.sub(r'"\s*\n\s*"', "", "\n".join(tables))
    promised = ROW.findall(PAGE.read_text())
    assert len(promised) > 20
    assert [sentence for sentence in promised if sentence not in joined] == []
