"""Why a container does not run: what its state, exit code and messages mean."""

from __future__ import annotations

import re

from karvdash_hub.readiness.images import IMAGE_REASONS, explain_image
from karvdash_hub.readiness.model import ContainerState

#: The kubelet is still at it.
_UNDER_WAY = frozenset({"", "ContainerCreating", "PodInitializing"})

_EXITS = {
    126: "its command cannot be executed",
    127: "its command was not found",
    134: "it aborted itself",
    137: "it was killed",
    139: "it crashed with a segmentation fault",
    143: "it was told to end",
}
_NO_COMMAND = re.compile(r'exec: "([^"]+)": (?:executable file not found|stat [^:]+: no such file)')
_NO_PERMISSION = re.compile(r'exec: "([^"]+)": permission denied')
_NO_KEY = re.compile(r"couldn't find key (\S+) in (Secret|ConfigMap) (?:[^/\s]+/)?(\S+?)[.,;]?(?:\s|$)")
_NO_OBJECT = re.compile(r'(secret|configmap)s? "([^"]+)" (?:not found|is forbidden)', re.IGNORECASE)
_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}
_RUN_AS_ROOT = re.compile(r"image will run as root")
_VOLUME = re.compile(r'for volume "([^"]+)" : (.*)', re.DOTALL)
_NO_DRIVER = re.compile(r"driver name (\S+) not found")
_SECRET_KEY = re.compile(r"references non-existent (secret|config) key: (\S+)")
#: The kubelet's caches lag behind right after a pod was made; it tries again at once.
_PASSING = re.compile(r"failed to sync|not registered|have not yet been read")


def is_broken(container: ContainerState) -> bool:
    """Whether it cannot run as things are."""
    if container.state == "waiting":
        return container.reason not in _UNDER_WAY and not _PASSING.search(container.message)
    return container.state == "terminated" and bool(container.exit_code)


def explain_broken(container: ContainerState) -> str:
    """Say why; ``is_broken`` has to be true."""
    if container.reason in IMAGE_REASONS:
        return explain_image(container.reason, container.message, container.image)
    if command := _explain_command(container):
        return command
    if container.state == "waiting" and container.reason != "CrashLoopBackOff":
        return f"{_label(container)} cannot be created: {explain_missing(container.message)}"
    return explain_end(container)


def has_log(container: ContainerState) -> bool:
    """Whether it ever ran, so that its log may tell more."""
    return container.exit_code is not None and container.ended not in ("StartError", "ContainerCannotRun")


def _explain_command(container: ContainerState) -> str:
    # The runtime could not start it; why is only in its message.
    if match := _NO_COMMAND.search(container.message):
        return f"{_label(container)} cannot start: its image has no command {match[1]!r}."
    if match := _NO_PERMISSION.search(container.message):
        return f"{_label(container)} cannot start: its command {match[1]!r} may not be executed."
    return ""


def explain_end(container: ContainerState) -> str:
    """Say how the container ended, with what its exit code means."""
    label, code = _label(container), container.exit_code
    if container.ended == "OOMKilled":
        limit = f" (limit {container.memory_limit})" if container.memory_limit else ""
        return f"{label} ran out of memory{limit}. Choose a larger size."
    if code is None:
        return f"{label} ended, and Kubernetes does not say how."
    restarts = f" ({container.restarts} restart{'' if container.restarts == 1 else 's'})"
    told = restarts if container.restarts else ""
    if code == 0:
        return f"{label} ended by itself, without an error{told}. A service has to keep running."
    meaning = f": {_EXITS[code]}" if code in _EXITS else ""
    said = f" It said: {_one_line(container.message)}" if container.message else ""
    return f"{label} ended with exit code {code}{told}{meaning}.{said}"


def explain_missing(message: str) -> str:
    """Say what a container, or a volume of it, needs and does not find."""
    if match := _NO_KEY.search(message):
        return f"{match[2]} {match[3]} has no key {match[1]}."
    if match := _SECRET_KEY.search(message):
        return f"{'Secret' if match[1] == 'secret' else 'ConfigMap'} has no key {match[2]}."
    if match := _NO_OBJECT.search(message):
        return f"{_KINDS[match[1].lower()]} {match[2]} does not exist."
    if match := _NO_DRIVER.search(message):
        return f"the storage driver {match[1]} is not installed on the node."
    if _RUN_AS_ROOT.search(message):
        return "its image runs as root, which its security context (runAsNonRoot) forbids."
    return _one_line(message) if message else "Kubernetes gives no reason."


def explain_mount(message: str) -> str:
    """Turn the message of a FailedMount or FailedAttachVolume event into a sentence; "" if it will pass."""
    if _PASSING.search(message):
        return ""
    if match := _VOLUME.search(message):
        return f"Volume {match[1]} cannot be mounted: {explain_missing(match[2])}"
    return f"A volume cannot be mounted: {explain_missing(message)}"


def _label(container: ContainerState) -> str:
    return f"{'Init container' if container.init and not container.sidecar else 'Container'} {container.name}"


def _one_line(text: str, longest: int = 300) -> str:
    line = " ".join(text.split())
    line = line if len(line) <= longest else f"{line[:longest]}…"
    return line if line.endswith((".", "!", "?", "…")) else f"{line}."
