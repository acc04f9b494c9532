"""A real API server of one's own on loopback (with etcd, without nodes), to be killed, paused and restarted.

Who reuses the cluster of all tests for that would disturb the others, and could not ask for an API server
with other feature gates.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from cluster import binaries
from cluster.certificates import write_key
from karvdash_hub.kube.config import KubeConfig

ADMIN, NOBODY = "token-of-admin", "token-of-nobody"


class ApiServer:
    """etcd and kube-apiserver.

    Args:
        flags: more flags of kube-apiserver.
        inside: command in front of it, for a process that sees other files than this one.
    """

    def __init__(self, *flags: str, inside: tuple[str, ...] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kh-api-"))
        self.port = free_port()
        self._flags, self._inside = flags, inside
        self._etcd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Start both; the token file knows an administrator and somebody without rights."""
        binaries.ensure(print)
        write_key(self.folder / "sa.key")
        tokens = f"{ADMIN},admin,1,system:masters\n{NOBODY},nobody,2\n"
        (self.folder / "tokens").write_text(tokens)
        peers = f"http://127.0.0.1:{free_port()}"
        self._etcd = self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls=unix://{self.folder / 'etcd.sock'}",
            "--advertise-client-urls=http://127.0.0.1:1",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        )
        self.start()

    def start(self) -> None:
        """Start the API server and wait until it is ready."""
        self._server = self._run(
            "kube-apiserver",
            f"--etcd-servers=unix://{self.folder / 'etcd.sock'}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={self.folder}",
            f"--token-auth-file={self.folder / 'tokens'}",
            "--authorization-mode=RBAC",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--service-account-key-file={self.folder / 'sa.key'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--disable-admission-plugins=ServiceAccount",
            *self._flags,
            inside=self._inside,
        )
        deadline = time.monotonic() + 60
        while not self._ready():
            if time.monotonic() > deadline or self._server.poll() is not None:
                raise RuntimeError((self.folder / "kube-apiserver.log").read_text()[-4000:])
            time.sleep(0.1)

    def use(self, *flags: str) -> None:
        """Run with these flags and no others from now on, on the same etcd."""
        if flags != self._flags:
            self.kill()
            self._flags = flags
            self.start()

    def kill(self) -> None:
        """End the API server as a power cut would."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    def pause(self) -> None:
        """Let it hang: connections stay open, and nothing comes any more."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    def down(self) -> None:
        """End everything and remove the folder."""
        for process in (self._server, self._etcd):
            if process is not None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder)

    def config(self, token: str = ADMIN, port: int | None = None, token_file: str = "") -> KubeConfig:
        """Say how to reach it, as whom; ``port`` is that of a relay in front of it."""
        return KubeConfig(
            server=f"https://127.0.0.1:{port or self.port}",
            ca_file=str(self.folder / "apiserver.crt"),
            token="" if token_file else token,
            token_file=token_file,
        )

    def _ready(self) -> bool:
        try:
            context = self.config().ssl_context() if (self.folder / "apiserver.crt").exists() else None
            request = urllib.request.Request(f"https://127.0.0.1:{self.port}/readyz")
            request.add_header("Authorization", f"Bearer {ADMIN}")
            with urllib.request.urlopen(request, context=context, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:  # urllib's errors are OSErrors
            return False

    def _run(self, program: str, *flags: str, inside: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        command = [*inside, str(binaries.find(program)), *flags]
        with (self.folder / f"{program}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)


def free_port() -> int:
    """Find a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
