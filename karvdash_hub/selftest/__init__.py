"""``karvdash-hub selftest``: does this cluster keep what karvdash_hub promises? Tried, not looked up.

Two user namespaces are made as the Hub makes them, with the Hub's own rights, and the users' accounts in them
try what they must not be able to do. Both namespaces are deleted afterwards.

    report.py    pure: what was tried, what came of it, what to do; as text and as JSON
    probes.py    what is tried of the API server: rights, policies, the webhook
    network.py   what is tried with pods, and the wildcard name
    run.py       makes the namespaces, tries everything, cleans up
"""

from __future__ import annotations

from karvdash_hub.selftest.report import Check, Report
from karvdash_hub.selftest.run import run

__all__ = ["Check", "Report", "run"]
