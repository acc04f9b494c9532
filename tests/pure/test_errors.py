"""What a person reads when something is wrong."""

from __future__ import annotations

import pytest

from karvdash_hub import errors
from karvdash_hub.errors import FieldError, KarvdashError, TemplateInvalid, ValuesInvalid


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(FieldError(0, "spec.replicas", "No."), "document 1, spec.replicas: No.", id="in a file"),
        pytest.param(FieldError(2, "", "No."), "document 3: No.", id="a whole document"),
        pytest.param(FieldError(None, "MESSAGE", "No."), "MESSAGE: No.", id="in a form"),
        pytest.param(FieldError(None, "", "No."), "No.", id="nowhere"),
    ],
)
def test_people_count_documents_from_one(error: FieldError, text: str) -> None:
    assert text == str(error)


def test_programs_count_documents_from_zero() -> None:
    expected = {"document": 0, "field": "kind", "message": "No."}
    assert expected == FieldError(0, "kind", "No.").to_dict()


def test_several_mistakes_are_one_message() -> None:
    mistakes = [FieldError(None, "A", "Too long."), FieldError(None, "B", "Too short.")]
    invalid = ValuesInvalid(mistakes)
    assert str(invalid) == "Several values cannot be used:\n- A: Too long.\n- B: Too short."
    assert mistakes == invalid.errors
    assert str(TemplateInvalid([FieldError(1, "kind", "No.")])) == "document 2, kind: No."


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KarvdashError("x"), 400),
        (ValuesInvalid([]), 400),
        (TemplateInvalid([]), 422),
        (errors.ManifestsInvalid([]), 422),
        (errors.NotFound("x"), 404),
        (errors.Conflict("x"), 409),
        (errors.Taken("x"), 409),
        (errors.Forbidden("x"), 403),
        (errors.Busy("x"), 429),
        (errors.Unavailable("x"), 503),
    ],
    ids=lambda value: type(value).__name__,
)
def test_statuses(error: KarvdashError, status: int) -> None:
    assert status == error.status
    assert isinstance(error, KarvdashError)
