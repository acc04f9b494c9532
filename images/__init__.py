"""Container images built from packages, for places that can pull none.

A recipe is a folder with a ``recipe.toml``: the image's tags, its layers, how it starts. Programs of
our own come from Go, everything else from the distribution's packages and from Python wheels.

``recipe`` reads a recipe → ``stage`` makes the content of each layer (``rootfs``, ``wheels``) →
``layer`` packs it → ``layout`` writes an OCI image layout → ``build`` keeps that in a cache, by the digest of
all inputs → ``registry`` pushes it. Only the command line knows the cluster, for its kubectl.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from .build import Image, build, build_all
from .errors import ImageError
from .recipe import recipe_names
from .registry import Registry
from .stage import Progress

__all__ = ["APT_PACKAGES", "Image", "ImageError", "build", "build_all", "push_all", "recipe_names"]

# Debian and Ubuntu packages that building needs.
APT_PACKAGES = ("mmdebstrap",)


def push_all(
    registry: str,
    names: Iterable[str] | None = None,
    *,
    programs: Mapping[str, Path] | None = None,
    progress: Progress = print,
) -> list[Image]:
    """Build what the cache lacks and push what the registry lacks; all images without ``names``.

    ``registry`` is ``host:port``, ``programs`` as for :func:`build`. Returns the images, with their
    references. Raises ImageError.
    """
    images = build_all(names, programs=programs, progress=progress)
    with Registry(registry) as client:
        for image in images:
            changed = client.push(image.folder)
            if changed:
                progress(f"{image.name}: pushed {', '.join(image.references)}")
    return images
