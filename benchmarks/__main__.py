"""``python -m benchmarks [NAME ...]``: run them, print the table, write results.json."""

from __future__ import annotations

import importlib
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.results import Result, table
from demo.parts import ROOT
from demo.progress import Steps
from demo.stack import Stack

NAMES = ("launch", "admission", "gateway", "fairness", "policies", "oidc_flows", "restart")
RESULTS = Path(__file__).parent / "results.json"


def main(wanted: list[str]) -> int:
    """Run the benchmarks, 1 if a floor does not hold."""
    extra = Path(__file__).parent / "hub_config.py"
    stack = Stack("bench", port=8300, state=ROOT / ".demo" / "bench", extra_config=extra)
    stack.down(wipe=True)
    results: list[Result] = []
    try:
        stack.up(Steps(6))
        for name in wanted or NAMES:
            print(f"\n{name}", flush=True)
            results += importlib.import_module(f"benchmarks.{name}").run(stack)
            print(table(results), flush=True)
    finally:
        stack.down(wipe=True)
    write(results)
    return 0 if all(result.holds for result in results) else 1


def write(results: list[Result]) -> None:
    """Merge the results of this run into results.json, each with its date."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    now = datetime.now(UTC).date().isoformat()
    for result in results:
        known[result.name] = {**result.to_dict(), "date": now, "machine": platform.machine()}
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
