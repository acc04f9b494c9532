"""The programs of others that rely on the Hub and are built here."""

from __future__ import annotations

from pathlib import Path

from cluster.binaries import Module

#: 250 modules, fetched and compiled once.
MINIO = Module("minio", Path(__file__).parent / "minio", "tool")
