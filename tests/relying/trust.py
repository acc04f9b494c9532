"""What docs/howto/sign-in-with-the-hub.md has an administrator of the cluster do, from the page itself."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).parent.parent.parent / "docs" / "howto" / "sign-in-with-the-hub.md"


def block(language: str, word: str) -> str:
    """The one code block of the page that has this word."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = (text for text in blocks if word in text)
    return str(found)


def authentication(issuer: str, ca_file: Path) -> str:
    """The API server's configuration, with issuer and authority of a site."""
    text = block("yaml", "AuthenticationConfiguration").replace("https://hub.example.com/hub/oidc", issuer)
    before, begin, after = text.partition("        -----BEGIN CERTIFICATE-----\n")
    end = "-----END CERTIFICATE-----\n"
    assert begin and end in after
    return before + textwrap.indent(ca_file.read_text(), "        ") + after.partition(end)[2]


def argo_objects() -> list[dict[str, Any]]:
    """Argo's namespace, and the Hub's rights in it."""
    return list(yaml.safe_load_all(block("yaml", "karvdash-hub-argo")))
