"""OCI image layouts on disk.

ref: https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from . import oci
from .layer import Entry, write_layer


def write(
    folder: Path,
    *,
    process: oci.Process,
    architecture: str,
    layers: Iterable[Iterable[Entry]],
    references: Callable[[], Sequence[str]],
    summary: str,
) -> None:
    """Write a layout into ``folder``, which must not exist.

    ``references`` is asked after the layers are written, since versions are known only then.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    written = [write_layer(entries, blobs) for entries in layers]
    config = oci.encode(oci.image_config(process, architecture, [blob.diff_id for blob in written]))
    manifest = oci.encode(
        oci.image_manifest(
            oci.describe(oci.CONFIG_TYPE, config),
            [blob.descriptor for blob in written],
            {"org.opencontainers.image.description": summary},
        )
    )
    for data in (config, manifest):
        blob_path(folder, oci.digest_of(data)).write_bytes(data)
    index = oci.image_index(oci.describe(oci.MANIFEST_TYPE, manifest), references())
    (folder / "index.json").write_bytes(oci.encode(index))
    (folder / "oci-layout").write_bytes(oci.encode({"imageLayoutVersion": "1.0.0"}))


def blob_path(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


def references(folder: Path) -> tuple[str, ...]:
    """Return every ``repository:tag`` of the layout."""
    index = json.loads((folder / "index.json").read_bytes())
    return tuple(item["annotations"][oci.REFERENCE] for item in index["manifests"])


def manifest(folder: Path) -> bytes:
    """Return the bytes of the layout's one manifest."""
    index = json.loads((folder / "index.json").read_bytes())
    return blob_path(folder, index["manifests"][0]["digest"]).read_bytes()


def size(folder: Path) -> int:
    """Return the bytes of all blobs."""
    return sum(path.stat().st_size for path in (folder / "blobs" / "sha256").iterdir())
