"""Paths that come from outside and that people are sent to."""

from __future__ import annotations

import re
from urllib.parse import quote

#: Characters; nginx takes in request lines of 16 KiB.
_LONGEST = 8192


def safe_path(wanted: str) -> str:
    """Return a path of the same host to go to, fit for a header; ``/`` if ``wanted`` would lead elsewhere.

    Browsers read ``//x`` and ``/\\x`` as another host, and drop tabs and line breaks before they look.
    ref: https://url.spec.whatwg.org/#concept-basic-url-parser
    """
    if not re.fullmatch(r"/(?![/\\])[^\x00-\x20\x7f]*", wanted) or len(wanted) > _LONGEST:
        return "/"
    return quote(wanted, safe="!#$%&'()*+,/:;=?@[]~")
