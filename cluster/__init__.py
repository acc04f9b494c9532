"""A real one-node Kubernetes from host processes, for the demonstration and the tests.

>>> from cluster import Cluster
>>> cluster = Cluster(name="test", state=Path(".demo/test"))
>>> cluster.up(progress=print)

See docs/reference/embedded-cluster.md for what it isolates and what it does not do.
"""

from .envfile import write_env
from .errors import ClusterError
from .instance import Cluster

__all__ = ["Cluster", "ClusterError", "write_env"]
