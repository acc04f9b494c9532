"""Inotify instances, by which programs hear of changed files: the kernel gives each user so many.

Standard library only, as ``preflight``.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

#: What the programs of one cluster hold: kube-apiserver 6, kubelet 6, kube-controller-manager 5,
#: kube-proxy 1, containerd 1 (counted in /proc, Kubernetes 1.35.4).
NEEDED = 19
_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")


def limit() -> int:
    """How many instances one user may have on this machine; 0 where the kernel does not say."""
    try:
        return int(_LIMIT.read_text())
    except FileNotFoundError:
        return 0


def free(wanted: int = NEEDED) -> int:
    """How many more instances can be had now, up to ``wanted``: by taking them, and giving them back.

    Counting those of others would miss what the kernel counts as ours, in containers for instance.
    """
    inotify_init1 = getattr(ctypes.CDLL(None, use_errno=True), "inotify_init1", None)
    if inotify_init1 is None:
        return wanted  # not Linux, which is said already
    taken: list[int] = []
    try:
        while len(taken) < wanted and (descriptor := inotify_init1(os.O_CLOEXEC)) >= 0:
            taken.append(descriptor)
        return len(taken)
    finally:
        for descriptor in taken:
            os.close(descriptor)
