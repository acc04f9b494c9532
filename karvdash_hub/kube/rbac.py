"""What a cluster needs before the Hub can work on it: ``share/rbac/``."""

from __future__ import annotations

import yaml

from karvdash_hub.kube.rest import Manifests
from karvdash_hub.share import share_dir

#: In the order in which they have to be applied.
_FILES = ("namespace.yaml", "crd.yaml", "user.yaml", "hub.yaml", "gate.yaml", "admission.yaml")


def install_manifests() -> Manifests:
    """Return the objects of ``share/rbac/``, in the order in which they have to be applied.

    They are the release's namespace, the kind Template, and the accounts and roles of Hub and gate. Whoever
    applies them has to be an administrator of the cluster; the Hub is none.
    """
    folder = share_dir("rbac")
    texts = [(folder / name).read_text(encoding="utf-8") for name in _FILES]
    return [manifest for text in texts for manifest in yaml.safe_load_all(text)]
