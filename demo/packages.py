"""What the demonstration takes from the system, beside what the cluster does."""

from __future__ import annotations

from collections.abc import Callable

from cluster.packages import install
from cluster.preflight import CLUSTER_PACKAGES, Package, missing_packages
from images import APT_PACKAGES as IMAGE_PACKAGES

LUA_MODULE = "/usr/lib/nginx/modules/ngx_http_lua_module.so"
DEMO_PACKAGES = (
    Package("nginx", ("nginx",), services=("nginx.service",)),
    Package("libnginx-mod-http-lua", files=(LUA_MODULE,)),
    *(Package(name, (name,)) for name in IMAGE_PACKAGES),
)


def install_missing(progress: Callable[[str], None]) -> None:
    """Install everything that is missing in one go, after printing the list."""
    if absent := missing_packages((*CLUSTER_PACKAGES, *DEMO_PACKAGES)):
        install(absent, progress)
