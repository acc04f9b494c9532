"""Python environments inside images, made of wheels by this machine's pip.

pip runs here, with this machine's configuration (index, certificates, proxies), and picks wheels for
the image's Python. The result has the layout of a virtual environment, so `pip install` works in it.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from .errors import ImageError
from .tools import run

OLDEST_PYTHON = (3, 11)
# Packages that pip puts outside of site-packages.
OUTSIDE = ("bin", "etc", "share")

_SCRIPT = """\
#!{python}
import sys
from {module} import {first}
if __name__ == "__main__":
    sys.exit({attribute}())
"""


def pinned(requirements: str) -> dict[str, str]:
    """Return name and version of each ``name==version`` line."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;#]+)", requirements, re.MULTILINE))


def python_version(rootfs: Path, what: str) -> str:
    """Return the version of the image's own Python, such as ``3.11.2``.

    The whole version counts: some packages ask for 3.11.5, and Debian 12 has 3.11.2.
    """
    printed = run(
        ["chroot", rootfs, "/usr/bin/python3", "-c", "import platform; print(platform.python_version())"],
        what=what,
        cwd=rootfs,
    )
    version = printed.strip()
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PYTHON:
        raise ImageError(f"{what}: needs Python 3.11 or newer, and this distribution's python3 is {version}.")
    return version


def install(requirements: Path, to: str, rootfs: Path, what: str) -> Path:
    """Make the environment ``to`` (a path in the image) below ``rootfs`` and return its folder."""
    version = python_version(rootfs, what)
    environment = rootfs / to.lstrip("/")
    site = environment / "lib" / f"python{'.'.join(version.split('.')[:2])}" / "site-packages"
    run(
        [*_pip(version), "--no-compile", "--target", site, "--requirement", requirements],
        what=what,
        cwd=rootfs,
    )
    for name in OUTSIDE:
        if (site / name).is_dir():
            shutil.move(site / name, environment / name)
    _make_virtual(environment, to, version)
    for distribution in distributions(path=[str(site)]):
        _write_scripts(distribution, environment, to)
    for record in site.glob("*.dist-info/RECORD"):
        _correct(record)
    return environment


def _make_virtual(environment: Path, to: str, version: str) -> None:
    """Turn a folder into a virtual environment of the image's Python."""
    (environment / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n", encoding="utf-8"
    )
    shutil.rmtree(environment / "bin", ignore_errors=True)
    (environment / "bin").mkdir()
    (environment / "bin" / "python3").symlink_to("/usr/bin/python3")
    (environment / "bin" / "python").symlink_to("python3")


def _write_scripts(distribution: Distribution, environment: Path, to: str) -> None:
    """Write the package's commands anew: pip's begin with the path of the Python that ran pip."""
    for entry in distribution.entry_points.select(group="console_scripts"):
        script = environment / "bin" / entry.name
        script.write_text(
            _SCRIPT.format(
                python=f"{to}/bin/python",
                module=entry.module,
                first=entry.attr.split(".")[0],
                attribute=entry.attr,
            ),
            encoding="utf-8",
        )
        script.chmod(0o755)


def _correct(record: Path) -> None:
    """Make the list of installed files true again, so that pip can upgrade and remove the package.

    ref: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    lines = record.read_text(encoding="utf-8").splitlines()
    record.write_text("".join(f"{line}\n" for line in _moved(lines)), encoding="utf-8")


def _moved(lines: list[str]) -> Iterator[str]:
    """Yield the lines with what lies outside of site-packages one folder further away."""
    for line in lines:
        if line.startswith("../../bin/"):
            yield f"../{line.split(',', 1)[0]},,"  # written anew: neither hash nor size is known
        elif line.startswith("../../"):
            yield f"../{line}"
        else:
            yield line


def compile_sources(folders: Sequence[str], rootfs: Path, what: str) -> None:
    """Compile Python sources below these folders of the image.

    A container's user cannot write there, so every start would compile them again. The compiled
    files are not compared with their sources, which carry one fixed time anyway.
    """
    options = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    run(["chroot", rootfs, "/usr/bin/python3", *options, *folders], what=what, cwd=rootfs)


def resolve(requirements: Path, python: str, what: str) -> str:
    """Return ``name==version`` lines for everything that ``requirements`` needs on this Python version."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        install = ("--dry-run", "--ignore-installed", "--target", "unused", "--report", report)
        run([*_pip(python), *install, "--requirement", requirements], what=what, cwd=Path(folder))
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    pins = {canonical(item["metadata"]["name"]): item["metadata"]["version"] for item in found}
    return "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


def canonical(name: str) -> str:
    """Return a package's one spelling. ref: https://peps.python.org/pep-0503/#normalized-names"""
    return re.sub(r"[-_.]+", "-", name).lower()


def _pip(python: str) -> list[str | Path]:
    """Return the start of a pip command that installs wheels for this version of CPython."""
    quiet = ("--disable-pip-version-check", "--quiet", "--no-input")
    wheels = ("--only-binary=:all:", "--implementation", "cp", "--python-version", python)
    return [sys.executable, "-m", "pip", "install", *quiet, *wheels]
