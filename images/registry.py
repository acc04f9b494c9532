"""Push images to a container registry by its HTTP API.

ref: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlencode, urlsplit

from . import layout, oci
from .errors import ImageError


class Registry:
    """One connection to a registry without passwords; ``address`` is ``host:port``."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._connection = http.client.HTTPConnection(address, timeout=60, blocksize=1 << 20)
        self._holder: dict[str, str] = {}  # digest of a blob: a repository that has it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def push(self, folder: Path) -> int:
        """Bring every reference of an image layout up to date; return how many were not.

        What the registry has is not sent again. Raises ImageError.
        """
        manifest = layout.manifest(folder)
        digest = oci.digest_of(manifest)
        changed = 0
        for reference in layout.references(folder):
            repository, _, tag = reference.rpartition(":")
            if self._digest_of(repository, tag) == digest:
                continue
            document = json.loads(manifest)
            for descriptor in (document["config"], *document["layers"]):
                self._push_blob(repository, descriptor["digest"], folder)
            self._request(
                "PUT",
                f"/v2/{repository}/manifests/{tag}",
                {201},
                manifest,
                {"Content-Type": oci.MANIFEST_TYPE},
            )
            changed += 1
        return changed

    def _digest_of(self, repository: str, tag: str) -> str | None:
        status, headers = self._request(
            "HEAD", f"/v2/{repository}/manifests/{tag}", {200, 404}, headers={"Accept": oci.MANIFEST_TYPE}
        )
        return headers.get("docker-content-digest") if status == 200 else None

    def _push_blob(self, repository: str, digest: str, folder: Path) -> None:
        status, _ = self._request("HEAD", f"/v2/{repository}/blobs/{digest}", {200, 404})
        if status == 404:
            mount = {"mount": digest, "from": self._holder[digest]} if digest in self._holder else {}
            path = f"/v2/{repository}/blobs/uploads/?{urlencode(mount)}"
            status, headers = self._request("POST", path, {201, 202})  # 201: taken from the other repository
            if status == 202:
                self._upload(headers["location"], digest, layout.blob_path(folder, digest))
        self._holder[digest] = repository

    def _upload(self, location: str, digest: str, blob: Path) -> None:
        target = urlsplit(location)
        query = "&".join(part for part in (target.query, urlencode({"digest": digest})) if part)
        with blob.open("rb") as content:
            headers = {"Content-Length": str(blob.stat().st_size), "Content-Type": "application/octet-stream"}
            self._request("PUT", f"{target.path}?{query}", {201}, content, headers)

    def _request(
        self,
        method: str,
        path: str,
        expected: set[int],
        body: bytes | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, str]]:
        """Return status and headers, names in small letters."""
        try:
            self._connection.request(method, path, body, dict(headers or {}))
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ImageError(
                f"The registry at {self.address} does not answer: {error or type(error).__name__}. "
                "Is the cluster up (`make cluster`)?"
            ) from error
        if answer.status not in expected:
            reason = text[:300].decode(errors="replace").strip() or answer.reason
            raise ImageError(
                f"The registry at {self.address} refused {method} {urlsplit(path).path} "
                f"with {answer.status}: {reason}"
            )
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
