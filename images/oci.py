"""Image documents as the OCI image specification defines them; pure functions.

ref: https://github.com/opencontainers/image-spec/tree/v1.1.0
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
REFERENCE = "org.opencontainers.image.ref.name"

# Every file and document carries this moment, so that equal inputs give equal digests.
# It is not 1970: zip archives, and so Python wheels, know no time before 1980.
EPOCH = 1704067200
EPOCH_RFC3339 = "2024-01-01T00:00:00Z"

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Descriptor:
    """What a manifest says of a blob: media type, ``sha256:...`` digest, size in bytes."""

    media_type: str
    digest: str
    size: int

    def document(self) -> Document:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Process:
    """How a container of the image is started, unless its pod says otherwise.

    ``user`` is ``uid:gid`` in numbers, so that ``runAsNonRoot`` can judge it.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    directory: str = ""
    ports: tuple[int, ...] = ()
    stop_signal: str = ""


def encode(document: Document) -> bytes:
    """Return the one byte string of a document: keys sorted, no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def describe(media_type: str, data: bytes) -> Descriptor:
    return Descriptor(media_type, digest_of(data), len(data))


def image_config(process: Process, architecture: str, diff_ids: Sequence[str]) -> Document:
    """Return the config: ``architecture`` in Go's spelling, ``diff_ids`` of the uncompressed layers."""
    environment = {"PATH": DEFAULT_PATH, **process.environment}
    settings: Document = {
        "Entrypoint": list(process.entrypoint),
        "Cmd": list(process.command),
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "User": process.user,
        "WorkingDir": process.directory,
        "ExposedPorts": {f"{port}/tcp": {} for port in process.ports},
        "StopSignal": process.stop_signal,
    }
    return {
        "created": EPOCH_RFC3339,
        "architecture": architecture,
        "os": "linux",
        "config": {name: value for name, value in settings.items() if value},
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        "history": [{"created": EPOCH_RFC3339, "created_by": "karvdash-hub images"} for _ in diff_ids],
    }


def image_manifest(
    config: Descriptor, layers: Sequence[Descriptor], annotations: Mapping[str, str]
) -> Document:
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.document(),
        "layers": [layer.document() for layer in layers],
        "annotations": dict(annotations),
    }


def image_index(manifest: Descriptor, references: Sequence[str]) -> Document:
    """Return the index of an image layout: the manifest once for each ``repository:tag``."""
    return {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [
            {**manifest.document(), "annotations": {REFERENCE: reference}} for reference in references
        ],
    }
