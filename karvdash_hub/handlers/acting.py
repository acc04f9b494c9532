"""/hub/as/<user>/…: an administrator sees and does what a user could, with the administrator's own rights.

Nothing is signed in as anybody: the cookie, the token and the scopes stay the asker's, every address says
whose pages these are, and the audit log names both. Whoever may not act for a user gets the answer for a
user who does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tornado import web

from karvdash_hub.errors import NotFound
from karvdash_hub.handlers.auditing import Recorder
from karvdash_hub.handlers.base import KarvdashMixin

PREFIX = r"/as/([^/]+)"


class Acting(KarvdashMixin):
    """Stands before a handler of one's own pages; its first argument is then the user."""

    async def prepare(self) -> None:
        """Find the user, and refuse everybody who may not administer the user's servers."""
        await super().prepare()
        username = self.path_args.pop(0)
        if self.current_user is None:
            return  # The handler sends to the sign-in, or refuses.
        user = self.find_user(username)
        if user is None or not self.has_scope(f"admin:servers!user={user.name}"):
            raise NotFound(f"There is no user {username[:64]!r}, or you may not act for this user.")
        if user.name != self.current_user.name:
            self.acting_for = user
            recorder: Recorder = self.settings["karvdash_recorder"]
            recorder.acting(self.current_user.name, user.name)


class ActingHomeHandler(KarvdashMixin):
    """/hub/as/<user>: the way to the home page."""

    @web.authenticated
    async def get(self, _username: str) -> None:
        """Redirect, with the name as it was written."""
        self.redirect(self.request.path.rstrip("/") + "/home")


def routes(own: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the routes under /as/<user> for handlers of one's own things."""
    made: list[tuple[Any, ...]] = [(PREFIX + "/?", ActingHomeHandler)]
    for path, handler, *rest in own:
        made.append((PREFIX + path, type(f"Acting{handler.__name__}", (Acting, handler), {}), *rest))
    return made
