"""Where the API server and the credentials come from, and what is refused with a sentence."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.certificates import Authority, Leaf
from karvdash_hub.kube.config import ConfigError, KubeConfig, from_file, in_cluster, load

PEM = "-----BEGIN X-----\n"
ENCODED = base64.b64encode(PEM.encode()).decode()


def write(folder: Path, user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None) -> Path:
    """Write a kubeconfig with one context."""
    file = folder / "kubeconfig"
    text = yaml.safe_dump(
        {
            "current-context": "c",
            "contexts": [
                {"name": "other", "context": {"cluster": "nowhere"}},
                {"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "n"}},
            ],
            "clusters": [{"name": "k", "cluster": {"server": "https://h:6443/"} | (cluster or {})}],
            "users": [{"name": "u", "user": user or {}}],
        }
    )
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("user", "cluster", "expected"),
    [
        pytest.param({}, {}, KubeConfig("https://h:6443", namespace="n"), id="least"),
        pytest.param(
            {"token": "t", "client-certificate-data": ENCODED, "client-key-data": ENCODED},
            {
                "certificate-authority-data": ENCODED,
                "tls-server-name": "kubernetes",
                "insecure-skip-tls-verify": True,
            },
            KubeConfig(
                "https://h:6443",
                ca_data=PEM,
                token="t",
                cert_data=PEM,
                key_data=PEM,
                server_name="kubernetes",
                verify=False,
                namespace="n",
            ),
            id="data",
        ),
        pytest.param(
            {"tokenFile": "token", "client-certificate": "/c.crt", "client-key": "c.key"},
            {"certificate-authority": "ca.crt"},
            KubeConfig(
                "https://h:6443",
                ca_file="{folder}/ca.crt",
                token_file="{folder}/token",
                cert_file="/c.crt",
                key_file="{folder}/c.key",
                namespace="n",
            ),
            id="files, relative to the kubeconfig",
        ),
    ],
)
def test_kubeconfig(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any], expected: KubeConfig
) -> None:
    for name in ("ca_file", "token_file", "key_file"):
        setattr(expected, name, getattr(expected, name).format(folder=tmp_path))
    assert expected == load(str(write(tmp_path, user, cluster)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(": -\n- :", "is not a kubeconfig file", id="not YAML"),
        pytest.param("[]", "it holds no mapping", id="a list"),
        pytest.param("current-context: x", "no context 'x' in contexts", id="no context"),
        pytest.param("{}", "no context that current-context names in contexts", id="empty"),
        pytest.param(
            "{current-context: c, contexts: [{name: c, context: {cluster: k}}], clusters: "
            "[{name: k, cluster: {server: 'ftp://x'}}]}",
            "clusters[].cluster.server has to be a URL",
            id="no address",
        ),
        pytest.param(
            "{current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}], clusters: "
            "[{name: k, cluster: {server: 'https://x', proxy-url: 'http://p'}}], "
            "users: [{name: u, user: {exec: {command: aws}, as: root}}]}",
            "uses user.exec, user.as, cluster.proxy-url, which karvdash-hub does not support",
            id="what we do not do, all at once",
        ),
        pytest.param(
            "{current-context: c, contexts: [{name: c, context: {cluster: k}}], clusters: "
            "[{name: k, cluster: {server: 'https://x', certificate-authority-data: '%%'}}]}",
            "certificate-authority-data is not the base64 text of a PEM file",
            id="not base64",
        ),
    ],
)
def test_bad_kubeconfig(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        from_file(file)
    assert message in str(caught.value)
    assert str(file) in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("host", "server"),
    [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")],
    ids=["IPv4", "IPv6"],
)
def test_in_a_pod(tmp_path: Path, host: str, server: str) -> None:
    for name in ("token", "ca.crt", "namespace"):
        (tmp_path / name).write_text(f"{name}\n")
    config = in_cluster(tmp_path, {"KUBERNETES_SERVICE_HOST": host})
    assert config == KubeConfig(
        server,
        ca_file=str(tmp_path / "ca.crt"),
        token_file=str(tmp_path / "token"),
        namespace="namespace",
    )
    assert config.headers() == {"Authorization": "Bearer token"}


def test_neither_file_nor_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's own kubeconfig is not an answer."""
    monkeypatch.setenv("KUBECONFIG", str(write(tmp_path)))
    with pytest.raises(ConfigError, match=r"set Platform\.kubeconfig"):
        in_cluster(tmp_path, {})


def test_a_token_file_is_read_again_when_it_is_replaced(tmp_path: Path) -> None:
    """As the kubelet does it: a symbolic link is put in place of another."""
    (tmp_path / "1").write_text("first")
    (tmp_path / "2").write_text("other")
    link = tmp_path / "token"
    link.symlink_to("1")
    config = KubeConfig("https://h", token_file=str(link))
    assert config.headers() == {"Authorization": "Bearer first"}
    (tmp_path / "new").symlink_to("2")
    os.replace(tmp_path / "new", link)
    assert config.headers() == {"Authorization": "Bearer other"}


def test_secrets_are_not_printed() -> None:
    config = KubeConfig("https://h", token="secret-1", cert_data="secret-2", key_data="secret-3")
    config.headers()
    assert "secret" not in repr(config)


def test_certificates(tmp_path: Path) -> None:
    """From data or files; the context is kept until a file changes."""
    authority = Authority(tmp_path, "ca")
    authority.issue(Leaf("client", "alice"))
    parts = {name: (tmp_path / name).read_text() for name in ("ca.crt", "client.crt", "client.key")}
    data = KubeConfig(
        "https://h", ca_data=parts["ca.crt"], cert_data=parts["client.crt"], key_data=parts["client.key"]
    )
    files = KubeConfig(
        "https://h",
        ca_file=str(tmp_path / "ca.crt"),
        cert_file=str(tmp_path / "client.crt"),
        key_file=str(tmp_path / "client.key"),
    )
    for config in (data, files):
        context = config.ssl_context()
        assert context is not None
        assert len(context.get_ca_certs()) == 1
        assert config.ssl_context() is context
    (tmp_path / "ca.crt").write_text(parts["ca.crt"] + "\n")
    assert files.ssl_context() is not context
    assert KubeConfig("http://h").ssl_context() is None
    with pytest.raises(ConfigError, match="The certificates for https://h cannot be used"):
        KubeConfig("https://h", ca_data="nonsense").ssl_context()
