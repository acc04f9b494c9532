"""Settings of the OpenID Connect provider, as traits of one class: ``c.OIDCProvider.clients = [...]``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from traitlets import Bool, Dict, Integer, List, TraitError, Unicode, validate
from traitlets.config import LoggingConfigurable

_DAY = 86400
#: What an entry of ``clients`` may say, with the type of each.
_KEYS: dict[str, type] = {
    "client_id": str,
    "name": str,
    "redirect_uris": list,
    "post_logout_redirect_uris": list,
    "public": bool,
    "first_party": bool,
    "client_secret": str,
    "secret": str,
}
#: RFC 6749 appendix A.1 allows every visible character; these can be values of Kubernetes labels too.
_CLIENT_ID = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
CLIENT_ID_RULE = (
    "must have 1 to 63 letters, digits, dots, hyphens and underscores, with a letter or digit first and last"
)
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SECRET_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
#: Shortest secret of a client: RFC 6749 10.10 asks for what cannot be guessed.
_SHORTEST_SECRET = 16


class OIDCProvider(LoggingConfigurable):
    """How other applications sign people in with this Hub."""

    enabled = Bool(
        True,
        help="""
        Whether the Hub is an OpenID Connect provider, at ``<public_url>/hub/oidc``.

        If False, no application can sign anybody in, and those that did are refused at once.
        """,
    ).tag(config=True)

    clients = List(
        Dict(),
        help="""
        Applications that may sign people in, beside those added on the page or with ``karvdash-hub oidc``.

        Each is a dictionary: ``client_id``, ``name``, ``redirect_uris`` (exact addresses), optionally
        ``post_logout_redirect_uris``, ``public`` (True for programs that cannot keep a secret: they need
        PKCE), ``first_party`` (False asks each person for consent; default True), and for all that are not
        public either ``client_secret`` or ``secret``: ``"namespace/name"`` of a Kubernetes Secret that the
        Hub makes, with keys ``client-id`` and ``client-secret``. The namespace has to be listed in
        ``secret_namespaces``. An entry that is taken out here is an application that is removed.
        """,
    ).tag(config=True)

    secret_namespaces = List(
        Unicode(),
        help="""
        Namespaces into which the Hub may write the Secrets of clients, for example ``["argo", "grafana"]``.

        Beside this the Hub needs a RoleBinding to ClusterRole ``karvdash-hub-secrets`` in each, and
        ``karvdash-hub policies apply`` has to be run again. Only Secrets with the label
        ``karvdash.io/oidc-client`` are ever written.
        """,
    ).tag(config=True)

    code_lifetime = Integer(
        60,
        min=10,
        max=600,
        help="""
        Time (in seconds) within which an application has to exchange a code for tokens.

        RFC 6749 allows at most ten minutes.
        """,
    ).tag(config=True)

    access_token_lifetime = Integer(
        3600,
        min=60,
        help="""
        Time (in seconds) for which an access token is valid at ``userinfo``.

        Access tokens are refused by the Hub's API, whatever their age.
        """,
    ).tag(config=True)

    id_token_lifetime = Integer(
        3600,
        min=60,
        help="""
        Time (in seconds) for which an ID token is valid.

        Whoever trusts ID tokens alone, as Kubernetes and MinIO do, lets a person in for that long after the
        account was deactivated.
        """,
    ).tag(config=True)

    refresh_token_lifetime = Integer(
        30 * _DAY,
        min=600,
        help="""
        Time (in seconds) after which a person has to sign in at an application again.

        A refresh token can be used once and is replaced by a new one. One that is used twice ends all tokens
        that came from the same sign-in.
        """,
    ).tag(config=True)

    key_lifetime = Integer(
        90 * _DAY,
        min=_DAY,
        help="""
        Time (in seconds) for which one key signs ID tokens.

        The next key is published before it signs, and the former one stays published until all tokens that
        it signed have ended. ``karvdash-hub oidc rotate`` makes the next one ahead of its time.
        """,
    ).tag(config=True)

    @validate("clients")
    def _check_clients(self, proposal: Any) -> list[dict[str, Any]]:
        problems = [
            f"OIDCProvider.clients[{number}]: {problem}"
            for number, client in enumerate(proposal.value)
            for problem in client_problems(client)
        ]
        ids = [client.get("client_id") for client in proposal.value]
        problems += [
            f"OIDCProvider.clients: client_id {one!r} is there twice"
            for one in sorted({str(one) for one in ids if ids.count(one) > 1})
        ]
        if problems:
            raise TraitError("\n".join(problems))
        return list(proposal.value)

    @validate("secret_namespaces")
    def _check_namespaces(self, proposal: Any) -> list[str]:
        for namespace in proposal.value:
            if not _DNS_LABEL.fullmatch(namespace):
                raise TraitError(f"OIDCProvider.secret_namespaces has {namespace!r}, which is no namespace")
        return list(proposal.value)


def client_problems(client: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with an entry of ``clients``, each as the end of a sentence.

    Redirect URIs are checked by ``oidc.clients`` when the entry becomes a client.
    """
    problems = [f"{key} is not known; known: {', '.join(_KEYS)}" for key in client.keys() - _KEYS.keys()]
    problems += [
        f"{key} must be a {kind.__name__}, not {client[key]!r}"
        for key, kind in _KEYS.items()
        if key in client and not isinstance(client[key], kind) and key != "client_secret"
    ]
    if problems:
        return sorted(problems)
    if not is_client_id(client.get("client_id", "")):
        problems.append(f"client_id {CLIENT_ID_RULE}")
    if not client.get("redirect_uris"):
        problems.append("redirect_uris must list at least one address")
    return problems + _secret_problems(client)


def _secret_problems(client: Mapping[str, Any]) -> list[str]:
    given, place = client.get("client_secret"), client.get("secret")
    if client.get("public"):
        return ["a public client has neither client_secret nor secret"] if given or place else []
    if bool(given) == bool(place):
        return ["a client that is not public needs client_secret or secret, one of them"]
    if given is not None and (not isinstance(given, str) or len(given) < _SHORTEST_SECRET):
        return [f"client_secret must have at least {_SHORTEST_SECRET} characters"]
    if place is not None and secret_place(place) is None:
        return [f"secret must be namespace/name, not {place!r}"]
    return []


def is_client_id(text: str) -> bool:
    """Tell whether this can be the id of a client."""
    return bool(_CLIENT_ID.fullmatch(text))


def secret_place(text: str) -> tuple[str, str] | None:
    """Read ``namespace/name``; None if it is not that."""
    namespace, slash, name = text.partition("/")
    good = slash and _DNS_LABEL.fullmatch(namespace) and _SECRET_NAME.fullmatch(name)
    return (namespace, name) if good else None
