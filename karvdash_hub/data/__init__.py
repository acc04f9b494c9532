"""Data domains: the folders that follow a user into every container.

    files_url ─► Location           where the tree of all files is, for the nodes of the cluster
    slug      ─► folder names       private/<slug>, shared, private/.deleted-<uuid>-<slug>
    both      ─► VolumeClaim        manifests of one PersistentVolume and its claim

Pure: nothing here opens a file or a connection. Folders are made by ``karvdash_hub.files``, objects by
``karvdash_hub.kube.storage``.
"""

from karvdash_hub.data.claims import VolumeClaim
from karvdash_hub.data.folders import DOMAINS, Domain, folder
from karvdash_hub.data.location import Location, parse_location

__all__ = ["DOMAINS", "Domain", "Location", "VolumeClaim", "folder", "parse_location"]
