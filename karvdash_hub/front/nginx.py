"""The nginx of this machine: where it is, and how it gets its Lua module."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from karvdash_hub.errors import KarvdashError

#: The Lua module needs the development kit, which has to be loaded first.
MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")
#: Beside the folder that nginx names: Debian and Ubuntu, Fedora, Alpine, nginx.org's packages.
MODULE_FOLDERS = (
    "/usr/lib/nginx/modules",
    "/usr/lib64/nginx/modules",
    "/usr/share/nginx/modules",
    "/etc/nginx/modules",
)
_CURE = "On Debian and Ubuntu: apt-get install nginx libnginx-mod-http-lua. Or use OpenResty's nginx."


class Nginx(NamedTuple):
    """A usable nginx.

    Attributes:
        program: its path.
        modules: paths to load, empty when Lua is compiled in.
    """

    program: str
    modules: tuple[str, ...]


def find(program: str = "nginx") -> Nginx:
    """Find nginx and its Lua module.

    Raises: KarvdashError that says what is missing and how to get it.
    """
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise KarvdashError(
            f"The front needs nginx, and there is no program {program!r}. {_CURE}", "nginx", 500
        )
    built = subprocess.run([path, "-V"], capture_output=True, text=True, check=True).stderr
    for module in ("auth_request", "realip", "ssl"):
        if f"--with-http_{module}_module" not in built:
            raise KarvdashError(f"{path} was built without the module {module}. {_CURE}", "nginx", 500)
    if re.search(r"--add-module=\S*lua", built):
        return Nginx(path, ())
    return Nginx(path, find_modules([*re.findall(r"--modules-path=(\S+)", built), *MODULE_FOLDERS]))


def find_modules(folders: Iterable[str]) -> tuple[str, ...]:
    """Find the folder that has the Lua module.

    Raises: KarvdashError that lists where it was looked for.
    """
    looked = list(dict.fromkeys(folders))
    for folder in looked:
        paths = [Path(folder) / module for module in MODULES]
        if all(path.is_file() for path in paths):
            return tuple(str(path) for path in paths)
    raise KarvdashError(
        f"nginx has no Lua module: {' and '.join(MODULES)} are in none of {', '.join(looked)}. {_CURE}",
        "nginx",
        500,
    )


def check(nginx: Nginx, config: Path) -> None:
    """Let nginx read its configuration.

    Raises: KarvdashError with what nginx says about it.
    """
    done = subprocess.run([*command(nginx, config), "-t"], capture_output=True, text=True)
    if done.returncode:
        raise KarvdashError(f"nginx refuses {config}:\n{done.stderr.strip()}", "nginx", 500)


def command(nginx: Nginx, config: Path) -> list[str]:
    """The command that runs nginx in the foreground; the configuration says all but where it is."""
    # -e: what goes wrong before the configuration is read would be written to a file of the system's nginx.
    return [nginx.program, "-e", "stderr", "-p", str(config.parent), "-c", str(config)]
