"""Install Debian packages without surprises: nothing removed, nothing recommended, no service started."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from .binaries import Progress
from .errors import ClusterError
from .preflight import Package, find_program

_POLICY = Path("/usr/sbin/policy-rc.d")
_ASIDE = _POLICY.with_name("policy-rc.d.karvdash-hub")
_OPTIONS = ["--no-remove", "--no-install-recommends", "--assume-yes"]


def removals(simulation: str) -> list[str]:
    """Packages that apt would remove, from the output of ``apt-get --simulate install``."""
    return [line.split()[1] for line in simulation.splitlines() if line.startswith(("Remv ", "Purg "))]


def install(packages: Sequence[Package], progress: Progress) -> None:
    """Install packages after saying which. Raises ClusterError before any change if one would be removed."""
    if not packages:
        return  # apt would be asked for its lock, which others may hold
    names = [package.name for package in packages]
    if not find_program("apt-get"):
        raise ClusterError(f"install with your package manager what Debian calls: {' '.join(names)}")
    progress(f"installing from apt: {' '.join(names)}")
    _simulate(names, progress)
    with _services_stay_off():
        _apt(["install", *_OPTIONS, *names])
    _disable([service for package in packages for service in package.services])


def _simulate(names: list[str], progress: Progress) -> None:
    # Without --no-remove: the point is to see what apt would like to remove.
    command = ["--simulate", "install", "--no-install-recommends", *names]
    try:
        simulation = _apt(command)
    except ClusterError:
        progress("reading apt's package lists")
        _apt(["update"])
        simulation = _apt(command)
    if doomed := removals(simulation):
        raise ClusterError(
            f"apt would remove {', '.join(doomed)} to install {' '.join(names)}. Nothing was changed. "
            "Install it in a way that keeps them (Docker's own containerd.io brings containerd and runc)"
        )


def _apt(arguments: list[str]) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(
        ["apt-get", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"apt-get {' '.join(arguments)} failed:\n{(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


@contextlib.contextmanager
def _services_stay_off() -> Iterator[None]:
    """While this holds, packages may not start services (101: see the man page of invoke-rc.d)."""
    if _POLICY.exists():
        _POLICY.rename(_ASIDE)
    try:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
        if _ASIDE.exists():
            _ASIDE.rename(_POLICY)


def _disable(services: list[str]) -> None:
    """What a package enables would start with the machine's next start; where systemd runs, take it back."""
    if services and Path("/run/systemd/system").exists():
        subprocess.run(["systemctl", "disable", *services], capture_output=True, check=False)
