"""The routes of the OpenID Connect provider, below /hub."""

from __future__ import annotations

import re
from typing import Any

from karvdash_hub.oidc import discovery


def routes() -> list[tuple[Any, ...]]:
    """Return them; the issuer is /hub/oidc."""
    from karvdash_hub.handlers import oidc_authorize, oidc_logout, oidc_wire

    return [
        (rf"/oidc{re.escape(discovery.PATH)}", oidc_wire.DiscoveryHandler),
        (r"/oidc/jwks", oidc_wire.JwksHandler),
        (r"/oidc/authorize", oidc_authorize.AuthorizeHandler),
        (r"/oidc/sign-in", oidc_authorize.SignInAgainHandler),
        (r"/oidc/consent", oidc_authorize.ConsentHandler),
        (r"/oidc/(token|revoke|introspect)", oidc_wire.FormHandler),
        (r"/oidc/userinfo", oidc_wire.UserinfoHandler),
        (r"/oidc/logout", oidc_logout.LogoutHandler),
        (r"/oidc/logout/confirm", oidc_logout.LogoutFormHandler),
    ]
