"""The one error that this package raises on purpose."""

from __future__ import annotations


class ClusterError(Exception):
    """Something a person can act on: the text says what happened and what to do."""
