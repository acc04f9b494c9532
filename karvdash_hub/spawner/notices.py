"""What the admin page says about the cluster: what ``karvdash-hub selftest`` found the last time."""

from __future__ import annotations

import logging
from typing import Any

from karvdash_hub.selftest.report import Report
from karvdash_hub.spawner.hub import Karvdash
from karvdash_hub.store import SELFTEST

log = logging.getLogger("jupyterhub.karvdash")


def selftest_notice() -> dict[str, Any] | None:
    """Return what to show above the admin page, or None if all is well. The page's template calls it."""
    stored = Karvdash.instance().store.meta(SELFTEST)
    try:
        report = Report.from_json(stored) if stored else None
    except (ValueError, KeyError, TypeError):
        # Written by another version: as good as none.
        log.warning("The result of the last self-test cannot be read; run karvdash-hub selftest again")
        report = None
    return notice(report)


def notice(report: Report | None) -> dict[str, Any] | None:
    """Return title, checks and advice for a report; None if everything passed."""
    if report is None:
        return {
            "title": "Nobody knows yet whether this cluster keeps users apart.",
            "checks": [],
            "advice": "Run karvdash-hub selftest where the Hub runs.",
        }
    worth_telling = [*report.failures, *report.unknown]
    if not worth_telling:
        return None
    title = (
        "This cluster does not keep users apart as it should."
        if report.failures
        else "It is not certain that this cluster keeps users apart."
    )
    when = report.finished.replace("T", " ").replace("+00:00", " UTC")
    advice = f"Found by karvdash-hub selftest on {when}. Run it again after a change."
    return {"title": title, "checks": worth_telling, "advice": advice}
