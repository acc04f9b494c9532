"""Files of the distribution's packages, fetched with the machine's own apt sources.

mmdebstrap's ``extract`` variant unpacks the packages and what they depend on. It runs no installation
script, needs no chroot and mounts nothing, so it works inside containers and takes seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from .errors import ImageError
from .layer import Entry, tree
from .oci import EPOCH
from .tools import run

MERGED_USR = Path("/usr/share/mmdebstrap/hooks/merged-usr")
# Files of the distribution itself. A third party's source could replace its packages.
SOURCES = ("sources.list", "sources.list.d/debian.sources", "sources.list.d/ubuntu.sources")

# What a container never reads. Licences (doc/*/copyright) stay: they go where the programs go.
UNUSED = (
    "boot", "dev/*", "etc/.pwd.lock", "etc/apt", "etc/cron*", "etc/dpkg", "etc/fstab", "etc/hostname",
    "etc/init.d", "etc/logrotate.d", "etc/rc?.d", "etc/resolv.conf", "etc/systemd", "lib32", "libx32",
    "usr/include", "usr/lib/*/gconv", "usr/lib/systemd", "usr/lib32", "usr/libx32",
    "usr/share/bash-completion", "usr/share/bug", "usr/share/debconf", "usr/share/doc-base",
    "usr/share/gdb", "usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man",
    "usr/share/menu", "usr/share/pixmaps", "usr/share/zsh", "var/cache/*", "var/lib/apt", "var/lib/dpkg",
    "var/log/*",
)  # fmt: skip


def apt_sources(etc: Path = Path("/etc/apt")) -> list[Path]:
    """Return the files that name this machine's distribution archives."""
    found = [etc / name for name in SOURCES if _names_an_archive(etc / name)]
    if not found:
        found = [path for path in sorted((etc / "sources.list.d").glob("*")) if _names_an_archive(path)]
    if not found:
        raise ImageError(
            f"No package source is configured in {etc}: add the distribution's own and try again."
        )
    return found


def _names_an_archive(path: Path) -> bool:
    if path.suffix not in (".list", ".sources") or not path.is_file():
        return False
    return re.search(r"^\s*(deb\s|URIs:)", path.read_text(encoding="utf-8"), re.MULTILINE) is not None


def upstream_version(version: str) -> str:
    """Return the upstream part of a package version: ``5:7.0.15-1~deb12u6`` is ``7.0.15``."""
    match = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", version)
    return match[1] if match else version


def unpack(packages: Sequence[str], target: Path, scratch: Path, what: str) -> dict[str, str]:
    """Unpack packages and their dependencies into ``target``, a folder that does not exist yet.

    Returns the upstream version of each package that was unpacked, by name. Needs root, because
    files keep the owners that their packages give them.
    """
    if os.geteuid() != 0:
        raise ImageError(f"{what}: unpacking packages needs root (files keep their owners).")
    if shutil.which("mmdebstrap") is None:
        raise ImageError(f"{what}: mmdebstrap is missing: apt-get install mmdebstrap")
    listing, options = scratch / "packages", scratch / "apt.conf"
    options.write_text(_apt_options(scratch), encoding="utf-8")
    command: list[str | Path] = ["mmdebstrap", "--quiet", "--variant=extract", "--mode=root"]
    if MERGED_USR.is_dir():
        command.append(f"--hook-dir={MERGED_USR}")
    command += [
        f"--include={','.join(packages)}",
        f"--aptopt={options}",
        # The file names are the one trace of what was unpacked: this variant keeps no dpkg status.
        '--extract-hook=ls "$1/var/cache/apt/archives" >"$PACKAGE_LISTING"',
        "",
        target,
        *apt_sources(),
    ]
    run(
        command,
        what=what,
        cwd=scratch,
        env={"PACKAGE_LISTING": str(listing), "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C.UTF-8"},
    )
    return dict(_versions(listing.read_text(encoding="utf-8").splitlines()))


def _apt_options(cwd: Path) -> str:
    """Return how this machine reaches its archives (proxies, checks), as apt's configuration."""
    dump = run(["apt-config", "dump"], what="apt", cwd=cwd)
    wanted = re.compile(r"Acquire::(Check-|Retries|[a-z]+::).*;$", re.IGNORECASE)
    return "\n".join(line for line in dump.splitlines() if wanted.match(line) and "IndexTargets" not in line)


def _versions(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield name and upstream version of ``NAME_VERSION_ARCHITECTURE.deb``."""
    for name in names:
        if name.endswith(".deb"):
            package, version, _ = name.split("_", 2)
            yield package, upstream_version(version.replace("%3a", ":"))


def remove(root: Path, patterns: Iterable[str]) -> None:
    """Remove what the glob patterns match below ``root``; documentation goes, licences stay."""
    for pattern in patterns:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def strip(root: Path, programs: Sequence[str], patterns: Iterable[str]) -> None:
    """Remove what no container reads, all programs but ``programs``, and what ``patterns`` match."""
    remove(root, (*UNUSED, *patterns))
    _trust(root)
    for folder, _, files in os.walk(root / "usr/share/doc"):
        for name in files:
            if name != "copyright":
                Path(folder, name).unlink()
    for program in (*root.glob("usr/bin/*"), *root.glob("usr/sbin/*")):
        if not any(fnmatchcase(program.name, pattern) for pattern in programs):
            program.unlink()
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
            path.chmod(mode & 0o755)  # nothing in a container needs to become root


def _trust(root: Path) -> None:
    """Write the one file of all certificate authorities, as the package's installation script does."""
    authorities = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    if authorities:
        bundle = root / "etc/ssl/certs/ca-certificates.crt"
        bundle.parent.mkdir(parents=True, exist_ok=True)
        bundle.write_bytes(b"".join(path.read_bytes() for path in authorities))
        bundle.chmod(0o644)


def entries(root: Path) -> Iterator[Entry]:
    """Yield everything below ``root`` with the owners it has on disk."""
    return tree(root, owner=None)
