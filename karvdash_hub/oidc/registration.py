"""What may be registered as a client: its name, its id, and where browsers may be sent back to. Pure.

RFC 6749 section 3.1.2, RFC 8252 section 7 (programs on people's machines), RFC 9700 section 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from karvdash_hub.errors import FieldError

#: RFC 6749 appendix A.1 allows every visible character; these are valid as labels of Kubernetes too.
_CLIENT_ID = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_CLIENT_ID_RULE = "must have 1 to 63 letters, digits, dots, hyphens and underscores, the first and last of them a letter or digit."
#: Visible ASCII without what browsers and parsers read differently.
_PLAIN = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_NOT_PLAIN = (
    "has characters that are not allowed: spaces, quotes, backslashes, any of < > { } | ^ `, or letters beyond "
    "ASCII (write such a host in its xn-- form)."
)
#: RFC 8252 7.1: a scheme of a program's own is a reversed domain name.
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_HOST = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_URI, _LONGEST_NAME, _MOST_URIS = 1024, 100, 20


def problems(
    client_id: str,
    name: str,
    redirect_uris: Sequence[str],
    post_logout_redirect_uris: Sequence[str] = (),
    *,
    http: bool,
) -> list[FieldError]:
    """Return everything that is wrong with a client.

    Args:
        http: whether addresses without TLS may be registered, because the Hub has none either.
    """
    found = [] if _CLIENT_ID.fullmatch(client_id) else [FieldError(None, "client_id", _CLIENT_ID_RULE)]
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        found.append(FieldError(None, "name", f"must have 1 to {_LONGEST_NAME} visible characters."))
    if not redirect_uris:
        found.append(FieldError(None, "redirect_uris", "must have at least one address."))
    for field, uris in (
        ("redirect_uris", redirect_uris),
        ("post_logout_redirect_uris", post_logout_redirect_uris),
    ):
        if len(uris) > _MOST_URIS:
            found.append(
                FieldError(None, field, f"has {len(uris)} addresses; at most {_MOST_URIS} are kept.")
            )
        for uri in uris[:_MOST_URIS]:
            if problem := redirect_uri_problem(uri, http=http):
                found.append(FieldError(None, field, f"{uri[:_LONGEST_NAME]!r} {problem}"))
    return found


def redirect_uri_problem(uri: str, *, http: bool) -> str:
    """Say why browsers may not be sent back to this address, as the end of a sentence; "" if they may.

    It is compared as text later (RFC 9700 2.1), so whatever could be read in two ways is refused now.
    """
    if len(uri) > _LONGEST_URI:
        return f"is longer than {_LONGEST_URI} characters."
    if not _PLAIN.fullmatch(uri):
        return _NOT_PLAIN
    if "#" in uri:
        return "has a fragment (#), which RFC 6749 3.1.2 forbids."
    if "*" in uri:
        return "has a wildcard (*); the whole address has to be given."
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is not an address."
    if parts.scheme not in ("http", "https"):
        return _private_problem(parts.scheme, parts.netloc)
    if "@" in parts.netloc:
        return "has a user name (@)."
    if not _host_is_plain(host) or port == 0 or parts.netloc.endswith(":"):
        return "has no plain host name, or an odd port."
    if any(
        segment in (".", "..") for segment in parts.path.replace("%2e", ".").replace("%2E", ".").split("/")
    ):
        return "has . or .. in its path."
    if parts.scheme == "http" and not http and not is_loopback(host):
        return "is not https, which only addresses of the own machine may do without."
    return ""


def is_loopback(host: str) -> bool:
    """Tell whether a host is the machine of the browser: RFC 8252 7.3, RFC 6761 6.3."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_is_plain(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return bool(_HOST.fullmatch(host))
    return True


def _private_problem(scheme: str, netloc: str) -> str:
    if _PRIVATE_SCHEME.fullmatch(scheme) and not netloc:
        return ""
    return (
        "must begin with https:// (a program's own scheme is a reversed domain name: com.example.app:/back)."
    )
