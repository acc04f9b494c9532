"""``make fresh``: the README's two commands, proved in a minimal Debian that has only git, make and Python.

The root is made with mmdebstrap from this machine's own package sources; this checkout is
cloned into it; then ``make demo-up``, a launch with curl's means, ``make demo-down`` and ``make test``
run inside, with caches that are empty unless ``--with-cache`` is given.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

ROOT = Path(__file__).parent.parent
# How this machine reaches its package registries belongs to the machine, so it is carried over.
CARRIED = re.compile(
    r".*(CERT|_CA_|CA_BUNDLE|CAINFO|PROXY).*|PIP_.*|GOPROXY|GOSUMDB|LANG|TERM", re.IGNORECASE
)
COPIED = ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs", "usr/local/share/ca-certificates")
PACKAGES = "git,make,python3,python3-venv,ca-certificates"
INSIDE = "/srv/karvdash_hub"


def make_root(root: Path) -> None:
    """Install the minimal system into ``root``, with the apt sources of this machine."""
    sources = [
        *Path("/etc/apt/sources.list.d").glob("*.sources"),
        *Path("/etc/apt/sources.list.d").glob("*.list"),
    ]
    if (plain := Path("/etc/apt/sources.list")).is_file() and plain.read_text().strip():
        sources.append(plain)
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    suite = release["VERSION_CODENAME"].strip('"')
    command = ["mmdebstrap", "--variant=minbase", "--mode=root", f"--include={PACKAGES}", suite, str(root)]
    subprocess.run([*command, *map(str, sources)], check=True)
    for name in COPIED:
        source, target = Path("/") / name, root / name
        if source.is_dir():
            # Away with what is there: its absolute links would lead to this machine's own files.
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for extra in Path("/etc/apt/apt.conf.d").iterdir():
        shutil.copy(extra, root / "etc/apt/apt.conf.d" / extra.name)


def enter(root: Path, script: str, *, environment: Sequence[str] = ()) -> None:
    """Run ``script`` in the root, in a mount namespace that ends with it."""
    carried = [f"{key}={value}" for key, value in os.environ.items() if CARRIED.fullmatch(key)]
    # /run is empty as after a boot; the rest of the kernel's interfaces are this machine's.
    prepare = """
        set -e
        mount --rbind "$0" "$0"; mount --make-private "$0"
        for part in proc sys dev; do mount --rbind "/$part" "$0/$part"; mount --make-rslave "$0/$part"; done
        mount -t tmpfs -o mode=755 tmpfs "$0/run"
        # pivot_root, not chroot: only a real root can have mount namespaces and containers below it.
        cd "$0"; mkdir -p .old; pivot_root . .old; cd /; umount -l /.old
        exec /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
    """
    subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", "sh", "-c", prepare, str(root)),
            *carried,
            *environment,
            *("bash", "-euo", "pipefail", "-c", script),
        ],
        check=True,
    )


@click.command()
@click.option("--root", type=click.Path(path_type=Path), default=ROOT / ".demo" / "fresh", show_default=True)
@click.option("--port", default=8200, show_default=True, help="Port of the demonstration inside.")
@click.option("--with-cache", is_flag=True, help="Use this machine's cache: quick, and proves less.")
@click.option("--only", type=click.Choice(["demo", "test"]), help="Only one of the two commands.")
@click.option("--keep", is_flag=True, help="Leave the root behind, to look into it.")
def main(root: Path, port: int, with_cache: bool, only: str | None, keep: bool) -> None:
    """Prove `make demo` and `make test` on a machine that has nothing but git, make and Python."""
    if os.geteuid():
        sys.exit("Root is needed for mmdebstrap and chroot: run it with sudo.")
    began = time.monotonic()
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    make_root(root)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(root) + INSIDE], check=True)
    if with_cache:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "karvdash-hub"
        shutil.copytree(cache, root / "root/.cache/karvdash-hub", symlinks=True, dirs_exist_ok=True)
    environment = [f"KARVDASH_PORT={port}", "CI=true"]
    if only != "test":
        enter(
            root,
            f"cd {INSIDE}; make demo-up; .venv/bin/python -m demo smoke; make demo-down",
            environment=environment,
        )
    if only != "demo":
        enter(root, f"cd {INSIDE}; make test", environment=environment)
    if not keep:
        shutil.rmtree(root, ignore_errors=True)
    click.echo(f"Both commands work on a fresh machine ({(time.monotonic() - began) / 60:.0f} minutes).")


if __name__ == "__main__":
    main()
