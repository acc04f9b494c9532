"""Files that other programs read: what we write is what they understand."""

from __future__ import annotations

import json
import ssl
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from cluster import ClusterError, certificates, settings, write_env
from cluster.addresses import plans
from cluster.cgroups import hierarchies, version
from cluster.components import components
from cluster.envfile import parse_env
from cluster.keeper import open_volumes
from cluster.paths import Paths, paths
from cluster.teardown import mounts_below

PLAN = plans()[0]
PATHS = Paths("x", Path('/srv/a "quoted" folder/x'))


def test_write_env_keeps_other_keys_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "env"
    write_env(file, {"KUBECONFIG": "/a", "HUB_URL": "http://localhost:8000"})
    write_env(file, {"KUBECONFIG": "/b=c"})
    assert file.read_text() == "KUBECONFIG=/b=c\nHUB_URL=http://localhost:8000\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["env"]


def test_a_loose_env_file_becomes_private(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("# by hand\n\nA=1\n")
    file.chmod(0o644)
    write_env(file, {"B": "2"})
    assert (parse_env(file.read_text()), file.stat().st_mode & 0o777) == ({"A": "1", "B": "2"}, 0o600)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"A": "one\ntwo"}, id="line break"),
        pytest.param({"lower": "x"}, id="lower case"),
        pytest.param({"A=B": "x"}, id="equals sign"),
    ],
)
def test_write_env_refuses_what_is_not_one_line(tmp_path: Path, values: dict[str, str]) -> None:
    with pytest.raises(ClusterError, match="one KEY=value a line"):
        write_env(tmp_path / "env", values)
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize(
    ("name", "good"),
    [
        pytest.param("demo", True, id="a word"),
        pytest.param("test-2", True, id="dash and digit"),
        pytest.param("a" * 20, True, id="longest"),
        pytest.param("a" * 21, False, id="too long for sockets and interfaces"),
        pytest.param("", False, id="empty"),
        pytest.param("../etc", False, id="a path"),
        pytest.param("Demo", False, id="capital"),
        pytest.param("2x", False, id="digit first"),
        pytest.param("x-", False, id="dash last"),
    ],
)
def test_names(name: str, good: bool) -> None:
    if good:
        assert paths(name, Path("/srv")).name == name
    else:
        with pytest.raises(ClusterError, match="cannot be the name of a cluster"):
            paths(name, Path("/srv"))


def test_sockets_have_short_paths() -> None:
    longest = Paths("a" * 20, Path("/srv"))
    assert max(len(str(path)) for path in (longest.containerd_socket, longest.etcd_socket)) < 108


def test_every_file_can_be_parsed_with_any_folder_name() -> None:
    for name, text in settings.files(PATHS, PLAN, Path("/usr/lib/cni"), []).items():
        if name.endswith(("json", "conflist")):
            json.loads(text)
        if name.endswith("toml"):
            tomllib.loads(text)


def test_containerd_asks_our_registry_only() -> None:
    files = settings.files(PATHS, PLAN, Path("/usr/lib/cni"), [])
    hosts = tomllib.loads(files["registries/_default/hosts.toml"])
    url = "http://10.208.0.2:5000"
    assert hosts == {"server": url, "host": {url: {"capabilities": ["pull", "resolve"]}}}


@pytest.mark.parametrize(
    ("servers", "line"),
    [
        pytest.param([], "rcode NXDOMAIN", id="no way out: other names do not exist"),
        pytest.param(["192.0.2.53", "192.0.2.54"], "forward . 192.0.2.53 192.0.2.54", id="name servers"),
    ],
)
def test_dns_of_other_names(servers: list[str], line: str) -> None:
    assert line in settings.corefile(PATHS, PLAN, servers)


def test_certificates_hold_for_a_strict_client(tmp_path: Path) -> None:
    """As Python 3.13 verifies by default (RFC 5280), both sides, over real TLS in memory."""
    certificates.make_all(tmp_path, PLAN, "x-node")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "apiserver.crt", tmp_path / "apiserver.key")
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    client.load_cert_chain(tmp_path / "admin.crt", tmp_path / "admin.key")
    server.load_verify_locations(tmp_path / "ca.crt")
    server.verify_mode = ssl.CERT_REQUIRED
    for context in (server, client):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    subject = shake_hands(server, client, str(PLAN.node_address))
    assert subject == "CN=admin,O=system:masters"


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> str:
    """Let both talk until they agree; the subject of the client's certificate as the server sees it."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    left = client.wrap_bio(down, up, server_hostname=host)
    right = server.wrap_bio(up, down, server_side=True)
    done = 0
    while done < 2:
        done = 0
        for side in (left, right):
            try:
                side.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                continue
    der = right.getpeercert(binary_form=True)
    assert der
    return x509.load_der_x509_certificate(der).subject.rfc4514_string()


def test_keys_are_private_and_stay(tmp_path: Path) -> None:
    certificates.make_all(tmp_path, PLAN, "x-node")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    certificates.make_all(tmp_path, PLAN, "x-node")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


V1 = """tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
proc /proc proc rw 0 0
"""
V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n/dev/sda / ext4 rw 0 0\n"


@pytest.mark.parametrize(
    ("mounts", "number", "roots"),
    [
        pytest.param(V1, 1, ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"], id="version 1, hybrid"),
        pytest.param(V2, 2, ["/sys/fs/cgroup"], id="version 2"),
    ],
)
def test_control_groups_of_both_versions(mounts: str, number: int, roots: list[str]) -> None:
    assert (version(mounts), [str(root) for root in hierarchies(mounts)]) == (number, roots)


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        pytest.param("tmpfs /srv/x/volumes/a tmpfs rw 0 0\n", ["/srv/x/volumes/a"], id="inside"),
        pytest.param("tmpfs /srv/xy tmpfs rw 0 0\ntmpfs /srv tmpfs rw 0 0\n", [], id="beside and above"),
        pytest.param("tmpfs /srv/x/my\\040disk tmpfs rw 0 0\n", ["/srv/x/my disk"], id="with a space"),
    ],
)
def test_mounts_below(mounts: str, expected: list[str]) -> None:
    assert [str(path) for path in mounts_below(Path("/srv/x"), mounts)] == expected


def test_the_api_server_trusts_whom_a_file_names_and_otherwise_nobody() -> None:
    [server] = [one for one in components(PATHS, PLAN) if one.name == "kube-apiserver"]
    assert f"--authentication-config={PATHS.config / 'authentication.yaml'}" in server.arguments
    none = settings.files(PATHS, PLAN, Path("/usr/lib/cni"), [])["authentication.yaml"]
    assert json.loads(none)["jwt"] == []
    given = settings.files(PATHS, PLAN, Path("/usr/lib/cni"), [], "jwt: [x]\n")["authentication.yaml"]
    assert given == "jwt: [x]\n"


def test_volumes_that_come_and_go_are_opened(tmp_path: Path) -> None:
    """A claim may be deleted while the keeper looks at its folder; the next one is opened all the same."""
    stays = tmp_path / "stays"
    end = threading.Event()

    def come_and_go() -> None:
        while not end.is_set():
            for number in range(50):
                (tmp_path / str(number)).mkdir(mode=0o750)
            for number in range(50):
                (tmp_path / str(number)).rmdir()

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(come_and_go)
        try:
            until = time.monotonic() + 1
            while time.monotonic() < until:
                open_volumes(str(tmp_path))
            stays.mkdir(mode=0o750)
            open_volumes(str(tmp_path))
        finally:
            end.set()
        coming.result()
    assert stays.stat().st_mode & 0o777 == 0o777
