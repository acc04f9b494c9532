"""The how-to about notebooks shows the notebook that the tests run."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_how_to_shows_every_cell_of_the_notebook() -> None:
    notebook = json.loads((ROOT / "tests/notebook/launch_a_service.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    page = (ROOT / "docs/howto/use-from-a-notebook.md").read_text()
    assert re.findall(r"```python\n(.*?)\n```", page, re.DOTALL) == cells
