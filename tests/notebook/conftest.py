"""Somebody with a running notebook server, and somebody else."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from demo.stack import Stack
from tests.browser.conftest import browser as browser
from tests.browser.conftest import visit as visit
from tests.fixtures.stacks import Person, make_person
from tests.hub.conftest import hub as hub
from tests.notebook.server import NotebookServer


@pytest.fixture(scope="package")
def server(stack: Stack) -> Iterator[NotebookServer]:
    """Started once; tests leave it running."""
    owner = make_person(stack, "n" + secrets.token_hex(4))
    notebook = NotebookServer(owner)
    notebook.start()
    yield notebook
    owner.remove_everything()
    notebook.stop()


@pytest.fixture(scope="package")
def other(stack: Stack) -> Iterator[Person]:
    """Somebody else, who has a service."""
    somebody = make_person(stack, "o" + secrets.token_hex(4))
    launched = somebody.api("POST", "/karvdash/services/", {"id": "hello-kubernetes", "NAME": "precious"})
    assert launched.status_code == 201, launched.text
    somebody.wait_for("precious", "running")
    yield somebody
    somebody.remove_everything()
