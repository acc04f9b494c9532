"""What the self-test found. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

#: "unknown": it could not be tried, for the reason given.
Outcome = Literal["ok", "failed", "unknown"]
_WORDS: Mapping[Outcome, str] = {"ok": "ok", "failed": "FAILED", "unknown": "unknown"}


@dataclass(frozen=True)
class Check:
    """One thing that was tried.

    Attributes:
        name: short, stable: "rights", "network", …
        tried: what, as a sentence.
        outcome: ok, failed or unknown.
        found: what came of it, as a sentence.
        cure: what to do, as a sentence; "" if nothing.
    """

    name: str
    tried: str
    outcome: Outcome
    found: str
    cure: str = ""


@dataclass(frozen=True)
class Report:
    """All checks of one run.

    Attributes:
        checks: in the order in which they were made.
        finished: when, ISO 8601, UTC.
    """

    checks: tuple[Check, ...]
    finished: str

    @property
    def failures(self) -> list[Check]:
        """Return what did not hold."""
        return [check for check in self.checks if check.outcome == "failed"]

    @property
    def unknown(self) -> list[Check]:
        """Return what could not be tried."""
        return [check for check in self.checks if check.outcome == "unknown"]

    def lines(self) -> Iterator[str]:
        """Yield the report for a terminal."""
        width = max((len(check.name) for check in self.checks), default=0)
        for check in self.checks:
            yield f"{_WORDS[check.outcome]:8}{check.name:{width}}  {check.tried}"
            yield f"{'':8}{'':{width}}  {check.found}"
            if check.cure:
                yield f"{'':8}{'':{width}}  To do: {check.cure}"
        yield self.summary()

    def summary(self) -> str:
        """Return one sentence."""
        total = len(self.checks)
        if not self.failures and not self.unknown:
            return f"All {total} checks passed."
        parts = [f"{len(self.failures)} of {total} checks failed"] if self.failures else []
        if self.unknown:
            parts.append(f"{len(self.unknown)} of {total} could not be made")
        return ", ".join(parts) + "."

    def to_json(self) -> str:
        """Return what is kept for the Hub's admin page."""
        return json.dumps({"finished": self.finished, "checks": [asdict(check) for check in self.checks]})

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return what ``to_json`` was made from. Raises: ValueError, KeyError, TypeError."""
        stored: dict[str, Any] = json.loads(text)
        return cls(tuple(Check(**check) for check in stored["checks"]), stored["finished"])
