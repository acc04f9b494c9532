"""A real one-node Kubernetes from host processes, for the demonstration and the tests.

>>> from cluster import Cluster
>>> cluster = Cluster(name="test", state=Path(".demo/test"))
>>> cluster.up(progress=print)

See docs/reference/embedded-cluster.md for what it isolates and what it does not do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .envfile import write_env
from .errors import ClusterError

if TYPE_CHECKING:
    from .instance import Cluster

__all__ = ["Cluster", "ClusterError", "write_env"]


def __getattr__(name: str) -> object:
    """Import `Cluster` when it is asked for: `cluster.preflight` must work before anything is installed."""
    if name == "Cluster":
        from .instance import Cluster

        return Cluster
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
