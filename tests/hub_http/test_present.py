"""Pure: how services and forms look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from karvdash_hub.errors import FieldError
from karvdash_hub.handlers import fields, present
from karvdash_hub.service_templates import parse
from karvdash_hub.spawner.views import ServiceView
from tests.hub_http.templates import TALKER

URL = "http://x-alice.localhost/"


@pytest.mark.parametrize(
    ("known", "main", "allowed"),
    [
        pytest.param({"state": "running", "url": URL}, "open", {"stop", "delete"}, id="web"),
        pytest.param({"state": "running"}, "connect", {"stop", "delete"}, id="no-address"),
        pytest.param({"state": "starting", "url": URL}, "progress", {"stop", "delete"}, id="starting"),
        pytest.param({"state": "failing", "url": URL}, "why", {"stop", "delete"}, id="failing"),
        pytest.param({"state": "stopping"}, "", {"delete"}, id="stopping"),
        pytest.param({"state": "stopped"}, "start", {"start", "delete"}, id="stopped"),
        pytest.param({"state": "stopped", "actions": False}, "", set(), id="not-mine-to-start"),
        pytest.param({"state": "running", "stock": True, "url": URL}, "open", {"stop"}, id="notebook"),
    ],
)
def test_one_button_is_the_right_one(known: dict[str, Any], main: str, allowed: set[str]) -> None:
    view = ServiceView(user="alice", name="x", **known)
    assert main == present.main_action(view)
    assert allowed == {action for action, possible in present.allowed_actions(view).items() if possible}


def test_a_message_that_repeats_the_state_is_left_out() -> None:
    card = present.card(
        ServiceView("alice", "x", state="stopped", message="Stopped."), lambda *p: "/".join(p)
    )
    assert (card["label"], card["message"], card["page"]) == ("Stopped", "", "service/x")


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Hello Kubernetes", "HK"), ("Redis", "Re"), ("jupyter-gpu", "JG"), ("é", "É"), ("!!", "?"), ("", "?")],
)
def test_initials(name: str, letters: str) -> None:
    assert letters == present.initials(name)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "just now"), (59, "just now"), (60, "1 min ago"), (3600, "1 h ago"), (172800, "2 days ago")],
)
def test_ages(seconds: int, text: str) -> None:
    now = datetime.fromtimestamp(1_800_000_000 + seconds, UTC)
    assert text == present.age(datetime.fromtimestamp(1_800_000_000, UTC).isoformat(), now)


@pytest.mark.parametrize(
    ("wanted", "taken", "name"),
    [
        ("redis", [], "redis"),
        ("redis", ["redis"], "redis-2"),
        ("redis", ["redis", "redis-2"], "redis-3"),
        ("a" * 30, ["a" * 30], "a" * 28 + "-2"),
        ("a" * 27 + "-bc", ["a" * 27 + "-bc"], "a" * 27 + "-2"),
    ],
)
def test_a_suggested_name_is_free(wanted: str, taken: list[str], name: str) -> None:
    assert name == present.free_name(wanted, taken, 30)


def test_a_form_asks_for_what_the_template_declares() -> None:
    template = parse(TALKER, id="talker")
    made = fields.variable_fields(
        template, {"COUNT": "9"}, {"COUNT": "too many"}, name="talker-2", domain="alice.localhost"
    )
    told = [(f["name"], f["kind"], f["value"], f["error"]) for f in made]
    assert told == [
        ("var.NAME", "text", "talker-2", ""),
        ("var.COUNT", "number", "9", "too many"),
        ("var.LEVEL", "select", "low", ""),
        ("var.SECRET", "password", "", ""),
    ]
    assert (made[1]["min"], made[1]["max"], made[2]["options"]) == (1, 5, ["low", "high"])


def test_a_form_is_read_back() -> None:
    posted = {
        "var.NAME": [b"x"],
        "var.TEXT": [b"a\r\nb"],
        "size.cpu": [b" 1 "],
        "size.gpu": [b""],
        "_xsrf": [b"t"],
    }
    assert fields.read_form(posted) == ({"NAME": "x", "TEXT": "a\nb"}, {"cpu": "1"})


def test_mistakes_are_divided_by_where_they_belong() -> None:
    errors = [FieldError(None, "COUNT", "no"), FieldError(1, "COUNT", "no"), FieldError(None, "OTHER", "no")]
    beside, others = fields.split_errors(errors, [{"key": "COUNT"}])
    assert ({"COUNT": "no"}, errors[1:]) == (beside, others)
    assert fields.place(errors[1]) == {"place": "document 2, COUNT", "message": "no"}
