"""What this package tells people when it cannot do its work."""

from __future__ import annotations


class ImageError(Exception):
    """A failure whose text names the image or file and says what to do."""
