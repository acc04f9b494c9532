"""Write docs/reference/settings.md from the traits' help texts: ``python docs/settings_page.py``."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from traitlets import HasTraits, TraitType

from karvdash_hub.authenticator import KarvdashAuthenticator
from karvdash_hub.data.settings import DataDomains
from karvdash_hub.kube.settings import Argo, Kubectl, UserNamespaces
from karvdash_hub.oidc_settings import OIDCProvider
from karvdash_hub.policies import Policies
from karvdash_hub.settings import Platform

CLASSES = (
    Platform,
    UserNamespaces,
    DataDomains,
    OIDCProvider,
    Argo,
    Kubectl,
    Policies,
    KarvdashAuthenticator,
)

PAGE = Path(__file__).parent / "reference" / "settings.md"
HEAD = """# Settings

Set them in `jupyterhub_config.py`, after `karvdash_hub.install(c)`.
This page is made from the help texts of the traits (`python docs/settings_page.py`).
"""


def own_traits(owner: type[HasTraits]) -> dict[str, TraitType[Any, Any]]:
    """Settings of a class and of its bases, as far as they are ours."""
    bases = [base for base in owner.__mro__ if issubclass(base, HasTraits)]
    ours = [base for base in bases if base.__module__.startswith("karvdash_hub.")]
    return {name: trait for base in ours for name, trait in base.class_own_traits(config=True).items()}


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for owner in CLASSES:
        for name, trait in sorted(own_traits(owner).items()):
            help_text = textwrap.dedent(trait.help).strip().replace("``", "`")
            kind = type(trait).__name__
            title = f"c.{owner.__name__}.{name}"
            parts.append(f"## {title}\n\n{kind}, default `{trait.default()!r}`\n\n{help_text}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
