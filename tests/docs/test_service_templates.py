"""What the pages about service templates say is what the engine does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from karvdash_hub.service_templates import RESERVED, parse, yaml_text
from karvdash_hub.service_templates.model import MAX_MATCHED
from karvdash_hub.service_templates.section import MAX_PATTERN, MAX_VARIABLES
from karvdash_hub.service_templates.variable_types import CONVERTERS, MAX_VALUE

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "service-templates.md").read_text()
HOWTO = (DOCS / "howto" / "write-a-service-template.md").read_text()
TUTORIAL = (DOCS / "tutorial" / "first-service.md").read_text()

EXAMPLES = [
    block
    for page in (REFERENCE, HOWTO, TUTORIAL)
    for block in re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    if "kind: Template" in block
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("name: ")[-1][:10].strip())
def test_examples_are_templates(example: str) -> None:
    assert parse(example, id="example").documents


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


def first_column(heading: str) -> list[str]:
    """Return the words in code type in the first column of the first table after a heading."""
    section = REFERENCE.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row)]


def test_every_type_is_listed() -> None:
    assert first_column("## Variables")[-len(CONVERTERS) :] == list(CONVERTERS)


def test_every_reserved_variable_is_listed() -> None:
    assert sorted(first_column("### Variables that the platform sets")) == sorted(RESERVED)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"up to {MAX_VALUE // 1024} KiB", 64),
        (f"at most {MAX_PATTERN} characters", 500),
        (f"longer than {MAX_MATCHED:,} characters", 4096),
        (f"{yaml_text.MAX_DOCUMENTS} documents", 100),
        (f"{yaml_text.MAX_DEPTH} levels deep", 64),
        (f"{yaml_text.MAX_NODES:,} values", 20_000),
        (f"{MAX_VARIABLES} variables", 100),
    ],
)
def test_limits(text: str, value: int) -> None:
    assert text in REFERENCE
    assert re.sub(r"\D", "", text) == str(value)
