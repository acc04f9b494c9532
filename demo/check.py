"""Say at once everything that this machine lacks, each with its cure, before anything is installed.

Runs with any Python 3 and the standard library only: it is the first thing that
``make demo`` calls, possibly on a machine whose Python is too old for the rest.
What the embedded cluster itself needs (kernel features, Debian packages) is
checked afterwards by ``cluster.preflight``, which needs the Python asked for here.
"""

import os
import platform
import shutil
import socket
import sys

PORT = int(os.environ.get("KARVDASH_PORT", "8000"))
NEEDED_GIB = 8
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120


def python_problems():
    """Return the sentences about Python itself."""
    found = []
    if sys.version_info < (3, 11):
        found.append(
            "Python 3.11 or newer is needed; %s is %s. Cure: install it and run "
            "`make PYTHON=python3.11 demo`." % (sys.executable, platform.python_version())
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        found.append("Python's venv module is missing. Cure: apt-get install python3-venv.")
    return found


def machine_problems():
    """Return the sentences about the machine: system, rights, disk, port."""
    found = []
    if sys.platform != "linux":
        found.append(
            "The demonstration runs Kubernetes from Linux processes, and this is %s. Cure: use a Linux "
            "machine, or install the chart on a cluster that you have." % platform.system()
        )
        return found
    if os.geteuid() != 0:
        found.append("Root is needed for namespaces, mounts and cgroups. Cure: run it with sudo.")
    if platform.machine() not in ("x86_64", "aarch64"):
        found.append(
            "The processor is %s; only x86_64 and aarch64 are supported. Cure: another machine."
            % platform.machine()
        )
    free = shutil.disk_usage(HERE).free / 2.0**30
    if free < NEEDED_GIB:
        found.append(
            "%.1f GiB are free on the disk of %s; the first start needs %d GiB. Cure: make room, or set "
            "XDG_CACHE_HOME to another disk for most of it." % (free, HERE, NEEDED_GIB)
        )
    if not own_front_runs() and port_taken(PORT):
        found.append(
            "Port %d on 127.0.0.1 is taken by another program. Cure: stop it, or choose another "
            "port: `KARVDASH_PORT=8080 make demo`." % PORT
        )
    return found


def own_front_runs():
    """Say whether the port is held by this checkout's own demonstration."""
    return os.path.exists(os.path.join(HERE, ".demo", "run", "front.pid"))  # noqa: PTH110, PTH118


def port_taken(port):
    """Say whether something answers or listens on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def main(argv):
    """Print every problem with its cure; 1 if there are any."""
    problems = python_problems()
    if "demo" in argv:
        problems += machine_problems()
    if problems:
        print("This machine is not ready:", file=sys.stderr)
        for number, problem in enumerate(problems, 1):
            print("  %d. %s" % (number, problem), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
