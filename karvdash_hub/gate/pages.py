"""The pages that visitors get instead of a service: what happened, and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tornado.template import Loader

from karvdash_hub.share import share_dir

#: Where a page's button leads: the service's page on the Hub, its button there that starts it, the list of
#: services, this page once more, the Hub's sign-out.
Link = Literal["service", "start", "home", "again", "sign-out"]
#: What only the owner can open.
_OWNERS: frozenset[Link] = frozenset({"service", "start"})


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        status: HTTP status code.
        title, text: ``{service}`` stands for the service's name.
        own: the text for the service's owner, ``""`` if it is the same.
        refresh: seconds after which the browser asks again, 0 for never.
    """

    status: int
    title: str
    text: str
    links: tuple[Link, ...] = ("home",)
    refresh: int = 0
    own: str = ""

    def text_for(self, place: Place) -> str:
        """What this visitor reads."""
        text = self.own if self.own and place.owned else self.text
        return text.format(service=place.service)


PAGES: Mapping[str, Page] = {
    "sign-in": Page(
        401,
        "Sign in first",
        "You are not signed in to {service}, or your sign-in has ended. Open it again to sign in; "
        "programs send a token of the Hub.",
        ("again", "home"),
    ),
    "not-yours": Page(
        403,
        "This service is not open to you",
        "There is no service here that you may open. Ask its owner to share it with you.",
    ),
    "gone": Page(
        404,
        "{service} is not running",
        "It was stopped or deleted. Its owner can start it again.",
        ("start", "home"),
        own="Its settings are kept. When it has been started, this address opens it again.",
    ),
    "deleted": Page(
        404,
        "{service} was deleted",
        "There is nothing at this address any more.",
    ),
    "origin": Page(
        403,
        "Refused: the request came from another site",
        "A page of another address tried to act on {service} in your name. Open {service} itself instead.",
        ("again", "home"),
    ),
    "starting": Page(
        503,
        "{service} is starting",
        "This page opens it as soon as it answers.",
        ("service", "home"),
        refresh=1,
    ),
    "failing": Page(
        503,
        "{service} is not getting ready",
        "It was started more than a minute ago and none of its pods is ready. Its page says why.",
        ("service", "home"),
        refresh=5,
    ),
    "no-web": Page(
        404,
        "{service} has no web page",
        "It is used by programs, not by browsers. Its page shows how to connect.",
        ("service", "home"),
    ),
    "no-path": Page(
        404,
        "Nothing here",
        "{service} has other addresses than this one.",
        ("again", "service", "home"),
    ),
    "no-answer": Page(
        502,
        "{service} does not answer",
        "It runs, but the connection to it failed. It may be restarting: this page tries again by itself.",
        ("again", "service", "home"),
        refresh=3,
    ),
    "hub-away": Page(
        503,
        "Sign-in does not work at the moment",
        "The Hub does not answer. Services that you have open go on. This page tries again by itself.",
        ("again",),
        refresh=5,
    ),
    "not-synced": Page(
        503,
        "The platform is starting",
        "In a few seconds it knows again where everything is. This page tries again by itself.",
        ("again",),
        refresh=2,
    ),
    "ticket": Page(
        403,
        "This sign-in cannot be used any more",
        "A sign-in link works once and for a minute. Open {service} again to get a new one.",
        ("again", "home"),
    ),
    "no-cookies": Page(
        403,
        "Your browser keeps no cookies for this address",
        "{service} cannot know you without its cookie. Allow cookies for this address and try again.",
        ("again", "home"),
    ),
    "signed-out": Page(
        200,
        "You are signed out of {service}",
        "You are still signed in to the Hub, so opening {service} again signs you in without a question.",
        ("sign-out", "again", "home"),
    ),
    "sign-out": Page(
        200,
        "Sign out of {service}?",
        "Other services, and the Hub itself, stay as they are.",
        ("home",),
    ),
}

#: Pages on which owners read what the Hub knows about it.
EXPLAINED = frozenset({"starting", "failing", "gone", "no-answer"})


@dataclass(frozen=True, slots=True)
class Place:
    """What links and texts refer to.

    Attributes:
        service: name for people.
        owned: the visitor owns it, so its page on the Hub will open.
        again: path to try once more.
        why: a sentence of the Hub's about the service, ``""`` without.
    """

    service: str
    hub_url: str
    owned: bool = False
    again: str = "/"
    why: str = ""


class Pages:
    """Renders pages; the templates are in ``share/templates/gate``."""

    def __init__(self, folder: Path | None = None) -> None:
        self._loader = Loader(str(folder or share_dir("templates", "gate")), whitespace="all")

    def html(self, reason: str, place: Place) -> bytes:
        """Return the page as HTML. Whatever comes from the request is escaped."""
        page = PAGES[reason]
        return self._loader.load("page.html").generate(
            title=page.title.format(service=place.service),
            text=page.text_for(place),
            links=[_link(link, place) for link in page.links if link not in _OWNERS or place.owned],
            why=place.why,
            refresh=page.refresh,
            sign_out=reason == "sign-out",
        )

    def text(self, reason: str, place: Place) -> bytes:
        """Return the page as plain text, for programs."""
        page = PAGES[reason]
        lines = [page.title.format(service=place.service) + ".", page.text_for(place)]
        lines += [place.why] if place.why else []
        links = [_link(link, place) for link in page.links if link not in _OWNERS or place.owned]
        lines += [f"{name}: {address}" for name, address in links if address.startswith("http")]
        return ("\n".join(lines) + "\n").encode()


def _link(link: Link, place: Place) -> tuple[str, str]:
    match link:
        case "service":
            return f"The page of {place.service}", f"{place.hub_url}/hub/service/{place.service}"
        case "start":
            return f"Start {place.service}", f"{place.hub_url}/hub/service/{place.service}#start"
        case "home":
            return "My services", f"{place.hub_url}/hub/home"
        case "sign-out":
            return "Sign out of everything", f"{place.hub_url}/hub/logout"
        case "again":
            return "Try again", place.again
