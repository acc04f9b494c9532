"""Single requests to the API server for processes that must stay small: tornado and the standard library.

The Hub uses ``rest.Kube``, which keeps connections and repeats what failed; here one connection serves one
request, and the caller decides what to do after a failure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.stream import Stream

#: Server-side apply. JSON is YAML. ref: https://kubernetes.io/docs/reference/using-api/server-side-apply/
APPLY = "application/apply-patch+yaml"
_ANSWER_BYTES = 8 * 2**20


async def call(
    config: KubeConfig,
    method: str,
    target: str,
    content: Mapping[str, Any] | None = None,
    content_type: str = "application/json",
) -> dict[str, Any]:
    """Send one request and return the object in the answer.

    Args:
        target: path and query, encoded.

    Raises: StreamError when there is no answer, Refused when it is no, ConfigError.
    """
    body = json.dumps(content).encode() if content is not None else b""
    async with Stream.open(config, method, target, body, content_type) as stream:
        await stream.check()
        answer = json.loads(await stream.body(_ANSWER_BYTES))
    return answer if isinstance(answer, dict) else {}
