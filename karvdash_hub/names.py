"""Names: namespaces, hosts, servers, objects, labels. Every name that two parts share is made here.

    user "alice"     slug "alice"             namespace "karvdash-alice"       host "alice.<domain>"
    user "Alice.B"   slug "alice-b-3a7a7327"  namespace "karvdash-alice-b-…"   host "u--alice-b-….<domain>"
    server "redis" of alice                   anchor "karvdash-redis"          host "redis-alice.<domain>"

A host is never parsed: ``a-b-c`` could be server ``a-b`` of ``c`` or server ``a`` of a user with slug
``b-c``. It is allocated in a table and looked up. What the form of a label does tell is whose kind it
is: server names hold no ``--``, so a label without ``-`` or with ``u--`` in front is a user's and every
other label is a service's.
"""

from __future__ import annotations

import random
import re
import string
import unicodedata
from collections.abc import Iterator
from typing import Literal, NewType

from karvdash_hub.errors import KarvdashError

Namespace = NewType("Namespace", str)
Hostname = NewType("Hostname", str)
ServerName = NewType("ServerName", str)

LABEL_SERVER = "karvdash.io/server"
LABEL_TEMPLATE = "karvdash.io/template"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "karvdash-hub"
#: Objects labelled "true" survive a stop of their server and go with its deletion.
LABEL_KEEP = "karvdash.io/keep"
#: Marks the ConfigMap that owns all objects of a server.
LABEL_ANCHOR = "karvdash.io/anchor"

#: Marks what the platform itself puts into a user namespace.
LABEL_INJECTED = "karvdash.io/injected"
#: On claims and volumes of users' files: "private" or "shared".
LABEL_DOMAIN = "karvdash.io/data-domain"

#: Pods labelled "true" get no datasets. Karvdash's own name.
LABEL_NO_DATASETS = "karvdash-no-datasets"

#: Instance id of the Hub that made the object.
ANNOTATION_HUB = "karvdash.io/hub"
ANNOTATION_USER = "karvdash.io/user"
#: The host allocated to a server, without port.
ANNOTATION_HOST = "karvdash.io/host"
#: All hosts of a server, the main one first, with commas between.
ANNOTATION_HOSTS = "karvdash.io/hosts"
#: "true" when only people with access may open the server's host, "false" when everybody may.
ANNOTATION_AUTH = "karvdash.io/auth"
#: Origins of pages elsewhere that may act on the service, with commas between.
ANNOTATION_ORIGINS = "karvdash.io/origins"
ANNOTATION_LAUNCH = "karvdash.io/launch"
ANNOTATION_OWNER_ID = "karvdash.io/owner-id"
#: On a user namespace: which data domains its pods get, with spaces between ("private shared").
ANNOTATION_VOLUMES = "karvdash.io/volumes"
#: On a claim that was not bound at once: changed so that Kubernetes looks at the claim again.
ANNOTATION_LOOK_AGAIN = "karvdash.io/look-again"
#: On a pod: what it did not get and why, in sentences.
ANNOTATION_LEFT_OUT = "karvdash.io/left-out"

#: Secret with the user's config.ini, the key in it, and where pods find it.
API_SECRET = "karvdash-api"  # noqa: S105 - its name
API_KEY = "config.ini"
API_VOLUME = "karvdash-api-volume"
API_DIR = "/var/lib/karvdash"

INGRESS_CLASS = "karvdash"

#: Longest server name, ref: jupyterhub/slugs.py is_valid_safe_slug (6.1.1).
MAX_SERVER_NAME = 30
_SUFFIX_LETTERS = 4
_MAX_SUGGESTED = 200

#: Names that are hosts or accounts of the platform's own.
RESERVED_USER_NAMES = frozenset(
    {"api", "auth", "files", "gate", "hub", "karvdash", "mail", "oidc", "proxy", "registry", "www"}
)
#: Names that a server never gets: the namespace's own objects, and the first path segments of a stock
#: notebook at /user/<name>/<segment>, which a server of that name would hide.
RESERVED_SERVER_NAMES = frozenset(
    {
        "api",
        "consoles",
        "custom",
        "default",
        "doc",
        "edit",
        "files",
        "hub",
        "kernelspecs",
        "kubernetes",
        "lab",
        "login",
        "logout",
        "metrics",
        "nbconvert",
        "nbextensions",
        "notebooks",
        "proxy",
        "static",
        "terminals",
        "tree",
        "view",
        "www",
    }
)
#: Objects that the platform puts into a user namespace are named karvdash-…
RESERVED_SERVER_PREFIX = "karvdash-"

_SIMPLE_USER = re.compile(r"[a-z0-9]{1,30}")
_SERVER = re.compile(r"[a-z](?:-?[a-z0-9])*")


def user_slug(username: str) -> str:
    """Turn a user name into what namespaces, hosts and folders are named after.

    Names of lower-case letters and digits, at most 30, map to themselves. All others get a readable
    part and 32 bits of hash (``jupyterhub.slugs.safe_slug``). That can be forged, so whoever uses a
    slug for the first time has to claim it in a table.

    Returns: 1 to 30 characters ``[a-z0-9-]``, no ``--``, letter or digit at both ends.
    Raises: KarvdashError if the name is empty.
    """
    if not username:
        raise KarvdashError("A user name cannot be empty.", "user-name")
    if _SIMPLE_USER.fullmatch(username):
        return username
    # Imported here so that the gate, which needs only the labels above, loads no jupyterhub.
    from jupyterhub.slugs import safe_slug

    return str(safe_slug(username))


def user_namespace(prefix: str, slug: str) -> Namespace:
    """Name the namespace of the user with this slug.

    Raises: KarvdashError if prefix and slug together exceed the 63 characters of a DNS label.
    """
    if len(prefix + slug) > 63:
        raise KarvdashError(
            f"The namespace name {prefix + slug} is longer than 63 characters: shorten namespace_prefix.",
            "namespace-name",
            500,
        )
    return Namespace(prefix + slug)


def service_host(server: str, slug: str, domain: str) -> Hostname:
    """Name the host of a server, at most 61 characters before the domain. ``domain`` has no port."""
    return Hostname(f"{server}-{slug}.{domain}")


def user_host_label(slug: str) -> str:
    """Name the first label of the host of a user's stock notebooks.

    It holds no ``-`` or starts with ``u--``, and no service's label does either.
    """
    return slug if "-" not in slug else f"u--{slug}"


def anchor_name(server: str) -> str:
    """Name the ConfigMap that owns all objects of a server."""
    return f"karvdash-{server}"


def values_secret_name(server: str) -> str:
    """Name the Secret that keeps the values of a server's variables of type password."""
    return f"karvdash-{server}-values"


def claim_name(namespace: str, domain: Literal["private", "shared"]) -> str:
    """Name the PersistentVolumeClaim of a data domain in a user namespace."""
    return f"{namespace}-volume-{domain}"


def volume_name(claim: str) -> str:
    """Name the PersistentVolume behind a claim of a data domain."""
    return f"{claim}-pv"


def is_reserved_server_name(name: str) -> bool:
    """Tell whether the platform keeps this server name for itself."""
    return name in RESERVED_SERVER_NAMES or name.startswith(RESERVED_SERVER_PREFIX)


def check_server_name(name: str) -> None:
    """Refuse what cannot be the name of a server, with a sentence that says why.

    Raises: KarvdashError, reason ``server-name``.
    Source: jupyterhub/slugs.py is_valid_safe_slug (6.1.1) and RFC 1035 names for Services.
    """
    if problem := _server_name_problem(name):
        raise KarvdashError(problem, "server-name")


def _server_name_problem(name: str) -> str:
    if not name:
        return "A service needs a name."
    if len(name) > MAX_SERVER_NAME:
        return f"A service name has at most {MAX_SERVER_NAME} characters; this one has {len(name)}."
    if "--" in name:
        return f"{name!r} cannot be a service name: two hyphens may not follow each other."
    if not _SERVER.fullmatch(name):
        return (
            f"{name!r} cannot be a service name: use lower-case letters, digits and hyphens, "
            "with a letter first and a letter or digit last."
        )
    if is_reserved_server_name(name):
        return f"The name {name!r} is reserved. Choose another one."
    return ""


def suggest_server_name(text: str, fallback: str = "") -> ServerName:
    """Make a valid server name out of any text, for instance a template's default for NAME.

    Where nothing of ``text`` can be used, ``fallback`` is tried, then "service".
    """
    for source in (text, fallback):
        ascii_text = unicodedata.normalize("NFKD", source[:_MAX_SUGGESTED]).encode("ascii", "ignore").decode()
        words = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).lstrip(string.digits + "-")
        words = words.removeprefix(RESERVED_SERVER_PREFIX)[:MAX_SERVER_NAME].strip("-")
        if _SERVER.fullmatch(words):
            return ServerName(words)
    return ServerName("service")


def name_candidates(wanted: str, rng: random.Random) -> Iterator[ServerName]:
    """Offer names for a new server, best first, without end.

    First the wanted name itself (left out when it is reserved), then with ``-`` and four random
    lower-case letters, cut so that no candidate exceeds 30 characters. Whether one is free is decided
    elsewhere, atomically.

    Raises: KarvdashError, at the call, if ``wanted`` has not the form of a server name.
    """
    if wanted not in RESERVED_SERVER_NAMES:
        check_server_name(wanted)
    return _candidates(wanted, rng)


def _candidates(wanted: str, rng: random.Random) -> Iterator[ServerName]:
    if not is_reserved_server_name(wanted):
        yield ServerName(wanted)
    stem = wanted[: MAX_SERVER_NAME - _SUFFIX_LETTERS - 1].rstrip("-")
    while True:
        suffix = "".join(rng.choices(string.ascii_lowercase, k=_SUFFIX_LETTERS))
        yield ServerName(f"{stem}-{suffix}")
