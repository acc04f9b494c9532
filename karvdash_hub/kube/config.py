"""How to reach the Kubernetes API: an explicit kubeconfig file, else the pod's own service account.

``$KUBECONFIG`` and ``~/.kube/config`` are never read: a Hub that serves many people must not act on
whatever cluster its operator happened to be looking at.

Standard library only (yaml is imported when a file is read), since the gate loads this too.
ref: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karvdash_hub.errors import KarvdashError

SERVICE_ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")

#: What we do not do, by section of the file. Ignoring one of these would mean to act as somebody else,
#: or to go another way, than the file says.
_UNSUPPORTED = {
    "user": ("exec", "auth-provider", "username", "password", "as", "as-groups", "as-uid", "as-user-extra"),
    "cluster": ("proxy-url",),
}


class ConfigError(KarvdashError):
    """The kubeconfig cannot be used; the message names file and field."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "kubeconfig", 500)


@dataclass
class KubeConfig:
    """Address of an API server and the credentials for it.

    Attributes:
        server: base URL without a slash at its end.
        ca_data, ca_file: the authority that signed the server's certificate, PEM or a path. Neither:
            the system's authorities.
        token, token_file: bearer token, or the file that holds it and may change at any time.
        cert_data, cert_file, key_data, key_file: client certificate, PEM or paths.
        server_name: name in the server's certificate when it is not the URL's host.
        verify: False accepts any certificate (``insecure-skip-tls-verify``).
        namespace: the context's default namespace.
    """

    server: str
    ca_data: str = ""
    ca_file: str = ""
    token: str = field(default="", repr=False)
    token_file: str = ""
    cert_data: str = field(default="", repr=False)
    cert_file: str = ""
    key_data: str = field(default="", repr=False)
    key_file: str = ""
    server_name: str = ""
    verify: bool = True
    namespace: str = ""
    _token: tuple[object, str] = field(default=(None, ""), init=False, repr=False, compare=False)
    _context: tuple[object, ssl.SSLContext | None] = field(
        default=(None, None), init=False, repr=False, compare=False
    )

    def headers(self) -> dict[str, str]:
        """Return the headers that authenticate a request; the token file is read again when it changed.

        Raises: ConfigError if the token file cannot be read.
        """
        token = self._current_token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the TLS context, made anew when one of the files changed; None for ``http://``.

        Raises: ConfigError if a certificate or key cannot be used.
        """
        if not self.server.startswith("https://"):
            return None
        stamp = tuple(_stamp(path) for path in (self.ca_file, self.cert_file, self.key_file))
        known, context = self._context
        if context is None or known != stamp:
            context = self._make_context()
            self._context = (stamp, context)
        return context

    def _current_token(self) -> str:
        if not self.token_file:
            return self.token
        known, token = self._token
        # A projected token is replaced by changing a symlink, hence the inode.
        # ref: https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
        if (stamp := _stamp(self.token_file)) != known or not token:
            token = _read(self.token_file, "token").strip()
            self._token = (stamp, token)
        return token

    def _make_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None, cadata=self.ca_data or None)
            if not self.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.cert_data or self.cert_file:
                self._load_client_certificate(context)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise ConfigError(f"The certificates for {self.server} cannot be used: {error}") from None
        return context

    def _load_client_certificate(self, context: ssl.SSLContext) -> None:
        # The ssl module takes client certificates from files only.
        with tempfile.TemporaryDirectory(prefix="karvdash-hub-") as folder:  # mode 0700
            cert, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
            if self.cert_data:
                cert.write_text(self.cert_data, encoding="ascii")
            if self.key_data:
                key.write_text(self.key_data, encoding="ascii")
            has_key = self.key_data or self.key_file
            context.load_cert_chain(
                cert if self.cert_data else self.cert_file,
                (key if self.key_data else self.key_file) if has_key else None,
            )


def load(path: str | None = None) -> KubeConfig:
    """Read the configuration from a kubeconfig file, or from the pod when ``path`` is empty.

    Raises: ConfigError that names the file and everything in it that cannot be used.
    """
    return from_file(Path(path)) if path else in_cluster()


def in_cluster(folder: Path = SERVICE_ACCOUNT_DIR, environ: Mapping[str, str] = os.environ) -> KubeConfig:
    """Read the configuration that Kubernetes gives every pod.

    ref: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
    """
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (folder / "token").exists():
        raise ConfigError(
            "No kubeconfig file is set and this process does not run in a pod with a service account: "
            "set Platform.kubeconfig (or --kubeconfig) to the path of a kubeconfig file."
        )
    return KubeConfig(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ca_file=str(folder / "ca.crt"),
        token_file=str(folder / "token"),
        namespace=_read(str(folder / "namespace"), "namespace").strip(),
    )


def from_file(path: Path) -> KubeConfig:
    """Read the current context of a kubeconfig file; relative paths in it start from its folder."""
    import yaml

    try:
        data = yaml.safe_load(_read(str(path), "kubeconfig"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not a kubeconfig file: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is not a kubeconfig file: it holds no mapping.")
    context = _entry(path, data, "contexts", "context", str(data.get("current-context") or ""))
    cluster = _entry(path, data, "clusters", "cluster", str(context.get("cluster") or ""))
    user = _entry(path, data, "users", "user", str(context["user"])) if context.get("user") else {}
    _refuse_unsupported(path, {"cluster": cluster, "user": user})
    if not str(cluster.get("server") or "").startswith(("https://", "http://")):
        raise ConfigError(f"{path}: clusters[].cluster.server has to be a URL with https:// or http://.")
    return KubeConfig(
        server=str(cluster["server"]).rstrip("/"),
        ca_data=_decoded(path, cluster, "certificate-authority-data"),
        ca_file=_path(path, cluster, "certificate-authority"),
        token=str(user.get("token") or ""),
        # As kubectl does: the file, when given, wins over the literal token.
        token_file=_path(path, user, "tokenFile"),
        cert_data=_decoded(path, user, "client-certificate-data"),
        cert_file=_path(path, user, "client-certificate"),
        key_data=_decoded(path, user, "client-key-data"),
        key_file=_path(path, user, "client-key"),
        server_name=str(cluster.get("tls-server-name") or ""),
        verify=not cluster.get("insecure-skip-tls-verify"),
        namespace=str(context.get("namespace") or ""),
    )


def _entry(path: Path, data: Mapping[str, Any], section: str, kind: str, name: str) -> dict[str, Any]:
    for entry in data.get(section) or []:
        if isinstance(entry, dict) and entry.get("name") == name:
            value = entry.get(kind)
            return value if isinstance(value, dict) else {}
    wanted = f"{name!r}" if name else "that current-context names"
    raise ConfigError(f"{path}: no {kind} {wanted} in {section}.")


def _refuse_unsupported(path: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
    found = [
        f"{section}.{key}"
        for section, keys in _UNSUPPORTED.items()
        for key in keys
        if sections[section].get(key)
    ]
    if found:
        raise ConfigError(
            f"{path} uses {', '.join(found)}, which karvdash-hub does not support: "
            "use a token, tokenFile or client certificate, and reach the server directly."
        )


def _decoded(path: Path, section: Mapping[str, Any], key: str) -> str:
    try:
        return base64.b64decode(str(section.get(key) or ""), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise ConfigError(f"{path}: {key} is not the base64 text of a PEM file.") from None


def _path(path: Path, section: Mapping[str, Any], key: str) -> str:
    value = str(section.get(key) or "")
    return str(path.parent / value) if value else ""


def _read(path: str, what: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigError(f"The {what} file {path} cannot be read: {reason}.") from None


def _stamp(path: str) -> tuple[int, int, int] | None:
    """Tell versions of a file apart; None when there is none."""
    try:
        status = Path(path).stat() if path else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_ino, status.st_size) if status else None
