"""What may be registered as a client, and what proves that somebody is one. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit

from karvdash_hub.errors import FieldError
from karvdash_hub.oidc.model import Client, digest

#: Longest redirect URI (characters), and most of them a client may have.
LONGEST_URI, MOST_URIS = 2000, 50
#: Hosts of the person's own machine, which nobody else can listen on: http is enough there, RFC 8252 8.3.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: What a browser runs or opens itself instead of sending a code to an application.
_NO_SCHEMES = ("javascript", "data", "vbscript", "file", "blob", "about", "ftp", "ws", "wss", "view-source")


def redirect_uri_mistake(uri: str) -> str | None:
    """Say what is wrong with a redirect URI that is to be registered, or None. RFC 6749 3.1.2, RFC 8252."""
    if not uri:
        return "is empty; write the whole address, such as https://example.com/callback."
    if len(uri) > LONGEST_URI:
        return f"has {len(uri)} characters; at most {LONGEST_URI} are allowed."
    if not uri.isascii() or not uri.isprintable() or any(character in uri for character in ' \\"<>^`{|}*'):
        return (
            "may have only characters of a URI: no spaces, no backslash, no wildcard; encode others with %."
        )
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "is not a URI."
    if parts.fragment or uri.endswith("#"):
        return "must have no fragment (#…), RFC 6749 3.1.2."
    if not parts.scheme or port == 0:
        return "must be a whole address, such as https://example.com/callback."
    if parts.username is not None or parts.password is not None:
        return "must have no user name in front of the host (@)."
    if {".", ".."} & set(parts.path.split("/")):
        return "must have no . or .. in its path."
    return _scheme_mistake(parts.scheme, parts.hostname or "")


def _scheme_mistake(scheme: str, host: str) -> str | None:
    if scheme in ("https", "http"):
        if not host:
            return "must name a host, such as https://example.com/callback."
        if scheme == "http" and host not in _LOOPBACK and not host.endswith(".localhost"):
            return "must begin with https://; http:// is for loopback addresses only."
        return None
    if scheme in _NO_SCHEMES or "." not in scheme:
        return (
            "must begin with https://, or with a scheme of the application's own such as org.example.app:/."
        )
    return None


def client_mistakes(
    name: str,
    redirect_uris: Sequence[str],
    post_logout_redirect_uris: Sequence[str] = (),
    *,
    insecure: bool = False,
) -> list[FieldError]:
    """Say everything that is wrong with a client that is to be registered.

    Args:
        insecure: allow http:// everywhere, for sites whose own address begins so.
    """
    found = []
    if not name.strip() or len(name) > 255 or not name.isprintable():
        found.append(FieldError(None, "name", "Give the client a name of at most 255 characters."))
    if not redirect_uris:
        found.append(FieldError(None, "redirect_uris", "Name at least one redirect URI."))
    lists = {"redirect_uris": redirect_uris, "post_logout_redirect_uris": post_logout_redirect_uris}
    for field, uris in lists.items():
        if len(uris) > MOST_URIS:
            found.append(FieldError(None, field, f"At most {MOST_URIS} are allowed."))
        for index, uri in enumerate(uris[:MOST_URIS]):
            secured = f"https{uri[4:]}" if insecure and uri.startswith("http://") else uri
            if mistake := redirect_uri_mistake(secured):
                found.append(FieldError(None, f"{field}[{index}]", f"{uri[:100]!r} {mistake}"))
    return found


def is_secret(client: Client, secret: str) -> bool:
    """Tell whether this is the client's secret, in the same time whatever the answer."""
    return bool(client.secret_hash) and hmac.compare_digest(client.secret_hash, digest(secret))
