"""A service that runs, its owner, and somebody else."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from demo.stack import Stack
from tests.fixtures.stacks import Person, make_person
from tests.hub_http.session import Session, sign_in
from tests.hub_http.templates import TALKER


@dataclass
class Scene:
    """An owner with a running service ``talker`` and a template of their own, and a stranger to both."""

    owner: Person
    other: Person
    owner_session: Session
    other_session: Session
    template: str
    service: str = "talker"


@pytest.fixture(scope="package")
def launched(stack: Stack) -> Iterator[tuple[Person, Person, str]]:
    """The owner, whose service runs, the other one, and the owner's template."""
    owner = make_person(stack, "o" + secrets.token_hex(4))
    other = make_person(stack, "x" + secrets.token_hex(4))
    added = owner.api("POST", "/karvdash/templates/", json={"data": TALKER})
    assert added.status_code == 200, added.text
    template = str(added.json()["id"])
    answer = owner.api(
        "POST", "/karvdash/services/", json={"id": template, "NAME": "talker", "SECRET": "s3cret-word"}
    )
    assert answer.status_code == 201, answer.text
    owner.wait_for("talker", "running")
    yield owner, other, template
    owner.remove_everything()
    owner.api("DELETE", f"/karvdash/templates/{template}/")


@pytest.fixture(scope="module")
def scene(launched: tuple[Person, Person, str]) -> Scene:
    """Launched once for all modules, which sign in anew; tests that change it put it back."""
    owner, other, template = launched
    return Scene(owner, other, sign_in(owner), sign_in(other), template)


@pytest.fixture
def signed_in(person: Callable[..., Person]) -> Session:
    """A new person, signed in."""
    return sign_in(person())
