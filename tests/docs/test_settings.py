"""Every setting is documented, and the page says what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_the_page_is_made_from_the_traits() -> None:
    """Run ``python docs/settings_page.py`` after changing a help text."""
    written = runpy.run_path(str(DOCS / "settings_page.py"))["page"]()
    assert written == (DOCS / "reference" / "settings.md").read_text()


def test_every_setting_has_a_help_of_two_sentences() -> None:
    """The first line stands alone; the rest says what it affects and what it does not do."""
    classes = runpy.run_path(str(DOCS / "settings_page.py"))["CLASSES"]
    helps = {
        f"{owner.__name__}.{name}": " ".join(trait.help.split())
        for owner in classes
        for name, trait in owner.class_own_traits(config=True).items()
    }
    assert {name for name, text in helps.items() if text.count(". ") + text.endswith(".") < 2} == set()
