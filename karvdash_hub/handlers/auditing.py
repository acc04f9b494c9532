"""Write the audit log: of requests when they have been answered, of sign-ins, of acting for somebody."""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.log import log_request
from jupyterhub.user import User
from sqlalchemy.exc import SQLAlchemyError

from karvdash_hub.errors import KarvdashError
from karvdash_hub.handlers.audit_routes import deed, outcome, shared
from karvdash_hub.store import Store

log = logging.getLogger("jupyterhub.karvdash")

#: What was refused to one person, or to strangers together, is noted so often a minute, and no more: a flood
#: must neither fill the disk nor hide what others do.
MOST_REFUSED = 30
#: Seconds for which an administrator who acts for the same user is not noted again for looking at pages.
ACTING_AGAIN = 900.0
_MOST_PAIRS = 1000


class Recorder:
    """The log of one Hub process."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._minute = 0
        self._refused: Counter[str] = Counter()
        self._acting: OrderedDict[tuple[str, str], float] = OrderedDict()

    def request(self, handler: Any) -> None:
        """Log a request as JupyterHub does, and note it if it belongs here. Tornado's ``log_function``."""
        log_request(handler)
        base = handler.settings["hub"].base_url
        path = urlsplit(handler.request.uri).path
        if not path.startswith(base):
            return
        found = deed(handler.request.method, path.removeprefix(base))
        actor = actor_of(handler)
        if found is None or not actor:
            return
        self.note(
            found.action,
            actor=actor,
            subject=found.subject or actor,
            object=getattr(handler, "audit_object", "") or shared(found, handler.request.body),
            outcome=outcome(handler.get_status()),
            via=found.via,
        )

    def sign_in(self, name: str, *, right: bool, known: bool) -> None:
        """Note a sign-in. A name that nobody has is not kept: it may be a password in the wrong field."""
        subject = name if known else ""
        what = "" if known else "unknown name"
        self.note(
            "sign-in",
            actor=subject if right else "",
            subject=subject,
            object=what,
            outcome="done" if right else "refused",
        )

    def acting(self, actor: str, subject: str) -> None:
        """Note that an administrator looks at somebody's pages."""
        now = self._clock()
        if now - self._acting.get((actor, subject), float("-inf")) < ACTING_AGAIN:
            return
        self.note("act-as", actor=actor, subject=subject)
        self._acting[actor, subject] = now
        self._acting.move_to_end((actor, subject))
        while len(self._acting) > _MOST_PAIRS:
            self._acting.popitem(last=False)

    def note(
        self,
        action: str,
        *,
        actor: str,
        subject: str,
        object: str = "",
        outcome: str = "done",
        via: str = "page",
    ) -> None:
        """Write an entry; a database that does not take it fails no request, and is told to the Hub's log."""
        if outcome == "refused" and not self._room(actor or subject):
            return
        try:
            self._store.audit.add(
                action, actor=actor, subject=subject, object=object, outcome=outcome, via=via
            )
        except (KarvdashError, SQLAlchemyError):
            log.exception("Not in the audit log: %s of %r by %r, %s", action, subject, actor, outcome)

    def _room(self, whose: str) -> bool:
        minute = int(self._clock() // 60)
        if minute != self._minute:
            left_out = sum(max(0, number - MOST_REFUSED) for number in self._refused.values())
            if left_out:
                log.warning("%d refused requests were left out of the audit log within a minute", left_out)
            self._minute, self._refused = minute, Counter()
        self._refused[whose] += 1
        return self._refused[whose] <= MOST_REFUSED


def actor_of(handler: Any) -> str:
    """Name who asked: a user, ``service:…`` for a service of the Hub, "" for nobody who is known."""
    try:
        asker = handler.current_user
    except Exception:  # as JupyterHub's own log: requests that fail before anybody is known
        return ""
    if asker is None:
        return ""
    return str(asker.name) if isinstance(asker, User) else f"service:{asker.name}"
