"""Variables that the platform fills in, so that nobody has to be asked."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from karvdash_hub.names import claim_name

RESERVED: Final = (
    "NAMESPACE",
    "HOSTNAME",
    "REGISTRY",
    "PRIVATE",
    "PRIVATE_DIR",
    "PRIVATE_VOLUME",
    "SHARED",
    "SHARED_DIR",
    "SHARED_VOLUME",
)


def is_reserved(name: str) -> bool:
    """Tell whether users may not set this variable. Letter case does not matter."""
    return name.upper() in RESERVED


def platform_values(
    *,
    namespace: str,
    host: str,
    registry: str,
    private_dir: str = "/private",
    shared_dir: str = "/shared",
) -> dict[str, str]:
    """Return the values of all reserved variables for one launch.

    Args:
        host: allocated to this server, without a port, since an Ingress allows none.
        registry: URL or ``host[:port]`` of the registry, or "". Scheme and credentials are left out.
    """
    return {
        "NAMESPACE": namespace,
        "HOSTNAME": host,
        "REGISTRY": registry_address(registry),
        "PRIVATE": private_dir,
        "PRIVATE_DIR": private_dir,
        "PRIVATE_VOLUME": claim_name(namespace, "private"),
        "SHARED": shared_dir,
        "SHARED_DIR": shared_dir,
        "SHARED_VOLUME": claim_name(namespace, "shared"),
    }


def registry_address(url: str) -> str:
    """Return ``host[:port][/path]`` as image names start with it, or ""."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    return (parts.netloc.rpartition("@")[2] + parts.path).rstrip("/")
