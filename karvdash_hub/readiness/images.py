"""Why an image could not be had, from what the kubelet and containerd write about it."""

from __future__ import annotations

import re

#: Waiting reasons that are about the image. ref: kubernetes/pkg/kubelet/images/types.go (1.35)
IMAGE_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)

_PULLING = re.compile(r'Pulling image "([^"]+)"')
#: First match wins; a registry that hides private images says "denied" also when there is none.
_CAUSES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), sentence)
    for pattern, sentence in (
        (
            r"no match(ing manifest)? for (platform|linux/)",
            "Image {image} is not made for this cluster's kind of machine.",
        ),
        (r"no space left", "Image {image} does not fit on the node's disk. Tell an administrator."),
        (
            r"toomanyrequests|429 too many",
            "The registry limits how often images are pulled. Kubernetes tries again to get {image}.",
        ),
        (
            r"pull access denied|401 unauthorized|403 forbidden|authorization failed|insufficient_scope"
            r"|no basic auth|requested access to the resource is denied",
            "The registry refuses image {image}: it does not exist there, or a pull Secret is needed.",
        ),
        (
            r"no such host|dial tcp|i/o timeout|connection refused|handshake timeout|deadline exceeded"
            r"|server misbehaving|bad gateway|service unavailable|code = unavailable|network is unreachable",
            "The registry of image {image} does not answer. Kubernetes tries again.",
        ),
        (
            r"x509|certificate",
            "The registry of image {image} has a certificate that the node does not trust.",
        ),
        (
            r"not found|manifest unknown|name unknown|code = notfound|404",
            "Image {image} was not found in the registry. Check its name and tag.",
        ),
    )
)


def explain_image(reason: str, message: str, image: str) -> str:
    """Say why a container waits for its image."""
    if reason == "InvalidImageName":
        return f"{image!r} is not the name of an image."
    if reason == "ErrImageNeverPull":
        return f"Image {image} is not on the node, and imagePullPolicy Never forbids to fetch it."
    if reason == "SignatureValidationFailed":
        return f"The signature of image {image} could not be verified."
    for pattern, sentence in _CAUSES:
        if pattern.search(message):
            return sentence.format(image=image)
    detail = message.rpartition(": ")[2].strip().rstrip(".")
    return (
        f"Image {image} could not be pulled: {detail}." if detail else f"Image {image} could not be pulled."
    )


def pulled_image(message: str) -> str:
    """Return the image that an event of reason ``Pulling`` names, or ``""``."""
    match = _PULLING.search(message)
    return match[1] if match else ""
