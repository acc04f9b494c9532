"""Say at once everything that this machine lacks, each with its cure, before anything is installed.

The first thing that ``make`` calls, with the Python that is there and the standard library only.
It must be readable by any Python 3: the one that is there may be too old for all the rest.
"""

import os
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PORT = int(os.environ.get("KARVDASH_PORT", "8000"))
USES = ("the front", "the proxy", "the proxy's API", "the gate", "the files process")


def python_problems() -> "list[str]":
    """Return the sentences about Python itself, which the other checks need."""
    found = []
    if sys.version_info < (3, 11):
        found.append(
            "Python 3.11 or newer is needed, and %s is %d.%d.\n"
            "    Install one and name it: make PYTHON=python3.11 demo"
            % (sys.executable, sys.version_info[0], sys.version_info[1])
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        found.append("Python's venv module is missing.\n    apt-get install python3-venv")
    return found


def machine_problems() -> "list[str]":
    """Return what the cluster's own check finds, and the ports that are taken."""
    sys.path.insert(0, HERE)
    from pathlib import Path

    from cluster import binaries, preflight

    state = Path(HERE, ".demo")
    facts = preflight.inspect(state, binaries.cache())
    starting = not Path(state, "run", "front.pid").exists()
    problems = preflight.judge(facts, building=not binaries.cache().exists(), starting=starting)
    if not problems:
        problems = preflight.try_kernel(state)
    if starting:  # else the ports are our own
        taken = [preflight.port_problem("127.0.0.1", PORT + step, use) for step, use in enumerate(USES)]
        problems += [problem for problem in taken if problem]
    return [str(problem) for problem in problems]


def main(arguments: "list[str]") -> int:
    """Print every problem with its cure; 1 if there are any."""
    problems = python_problems()
    if "demo" in arguments and sys.version_info >= (3, 11):
        problems += machine_problems()
    if problems:
        sys.stderr.write("This machine is not ready:\n")
        for number, problem in enumerate(problems, 1):
            sys.stderr.write("%3d. %s\n" % (number, problem))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
