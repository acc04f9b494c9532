"""`Cluster`: one instance of the embedded Kubernetes, from Python."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from . import binaries, fake_nodes, isolation, machine, settings, startup, teardown
from .addresses import Plan, plans
from .api import Api
from .components import ON_DEMAND, Component, components
from .errors import ClusterError
from .paths import Paths, paths
from .processes import Process, Records, resident_bytes, stop

Progress = Callable[[str], None]


def quiet(text: str) -> None:
    """A `progress` for callers who want to hear nothing."""


class Cluster:
    """A one-node Kubernetes named `name` that keeps its data in `state`.

    Instances of different names run side by side. Everything may be called again: `up` starts what
    is not running, `down` stops what is.

    `authentication` is a file with the API server's AuthenticationConfiguration, for people whom an OpenID
    Connect provider signs in; `up` takes a copy of it, and without it lets in nobody but by certificate.
    """

    def __init__(
        self,
        name: str = "demo",
        state: Path = Path(".demo/cluster"),
        *,
        authentication: Path | None = None,
    ) -> None:
        self.paths: Paths = paths(name, state)
        self.authentication = authentication
        self._records = Records(self.paths.pids)

    def __repr__(self) -> str:
        return f"Cluster({self.name!r}, {str(self.paths.state)!r})"

    # What it is made of

    @property
    def name(self) -> str:
        return self.paths.name

    @property
    def state(self) -> Path:
        return self.paths.state

    @property
    def plan(self) -> Plan:
        """Addresses. Raises ClusterError before the first `up`, which chooses them."""
        index = machine.made_for(self.paths)
        if index is None:
            raise ClusterError(
                f"the cluster {self.name!r} has no addresses yet: python -m cluster up --name {self.name}"
            )
        return plans()[index]

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig with its certificates inside (mode 0600)."""
        return self.paths.kubeconfig

    @property
    def host_address(self) -> str:
        """The host's end of the link: pods and webhooks reach programs that listen here."""
        return str(self.plan.host_address)

    @property
    def node_address(self) -> str:
        return str(self.plan.node_address)

    @property
    def node_name(self) -> str:
        return settings.node_name(self.name)

    @property
    def api_url(self) -> str:
        return f"https://{self.node_address}:6443"

    @property
    def pod_cidr(self) -> str:
        return str(self.plan.pods)

    @property
    def service_cidr(self) -> str:
        return str(self.plan.services)

    @property
    def registry(self) -> str:
        """``ADDRESS:PORT`` of the image registry (plain HTTP), reached from the host and by containerd."""
        return f"{self.node_address}:{settings.REGISTRY_PORT}"

    @property
    def kubectl_program(self) -> Path:
        """Our kubectl, of the cluster's own version. Raises ClusterError when it is not built yet."""
        return binaries.find("kubectl")

    # Life

    def up(self, progress: Progress = quiet) -> None:
        """Start whatever is not running and wait until the node is ready (first run: builds, minutes).

        Raises ClusterError with everything that is missing on this machine, before anything starts.
        """
        self.prepare(progress)
        with machine.locked(self.paths.lock):
            machine.check_owner(self.paths)
            startup.start(self, progress)

    def prepare(self, progress: Progress = quiet) -> None:
        """Install and build what `up` needs, and start nothing (first run: minutes).

        Raises ClusterError with everything that is missing on this machine.
        """
        startup.check(self.paths, progress)
        binaries.ensure(progress)

    def down(self, wipe: bool = False, progress: Progress = quiet) -> None:
        """Stop everything, remove all traces but the state, and with `wipe` the state too."""
        with machine.locked(self.paths.lock):
            try:
                machine.check_owner(self.paths)
                progress(f"stopping the cluster {self.name!r}")
                teardown.stop(self.paths)
                if wipe:
                    teardown.wipe(self.paths)
            finally:
                if not self.paths.run.exists():
                    self.paths.lock.unlink()

    # Use

    def api(self) -> Api:
        return Api(self.node_address, self.paths.pki)

    def kubectl(self, *arguments: str, text_in: str | None = None, timeout: float = 60) -> str:
        """Run kubectl as admin and return its output. Raises ClusterError with what it said."""
        command = [str(self.kubectl_program), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(
            command, input=text_in, capture_output=True, text=True, check=False, timeout=timeout
        )
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def components(self) -> list[Component]:
        """All components, in the order of starting."""
        return components(self.paths, self.plan)

    def component(self, name: str) -> Running:
        """One program of the cluster, to stop and start it. Raises ClusterError for an unknown name."""
        known = {component.name: component for component in self.components()}
        if name not in known:
            raise ClusterError(f"there is no component {name!r}: choose of {', '.join(known)}")
        return Running(self, known[name])

    def status(self) -> Mapping[str, Process | None]:
        """The process of every component, None where it does not run."""
        names = [component.name for component in self.components()]
        return {name: self._records.load(name) for name in ["keeper", *names]}

    def memory(self) -> dict[str, int]:
        """Resident bytes of every running component."""
        living = {name: process for name, process in self.status().items() if process}
        return {name: resident_bytes(process.pid) for name, process in living.items()}

    def add_kwok_nodes(self, count: int, timeout: float = 60) -> None:
        """Have at least `count` fake nodes, ready. Their pods become Ready at once and run nothing.

        They carry the taint ``kwok.x-k8s.io/node=fake:NoSchedule`` and the label ``type=kwok``.
        """
        fake_nodes.add(self, count, timeout)

    def remove_kwok_nodes(self) -> None:
        """Remove all fake nodes and the pods on them, and stop kwok."""
        fake_nodes.remove(self)

    def enter(self) -> list[str]:
        """Words to put before a command so that it runs in the cluster's network and mount namespaces."""
        keeper = self._records.load("keeper")
        if keeper is None:
            raise ClusterError(
                f"the cluster {self.name!r} is not running: python -m cluster up --name {self.name}"
            )
        return isolation.enter(keeper)


class Running:
    """One component of a cluster that is up."""

    def __init__(self, cluster: Cluster, component: Component) -> None:
        self._cluster = cluster
        self._component = component
        self._records = Records(cluster.paths.pids)

    @property
    def pid(self) -> int | None:
        process = self._records.load(self._component.name)
        return process.pid if process else None

    def start(self) -> int:
        """Start it if it does not run, and return its process id. Does not wait until it is ready."""
        return startup.start_component(self._cluster, self._component).pid

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        if process := self._records.load(self._component.name):
            stop([process])


def describe(cluster: Cluster) -> str:
    """The state of a cluster for a person: one line a component, with its process id and memory."""
    memory = cluster.memory()
    lines = []
    for name, process in cluster.status().items():
        if process:
            lines.append(f"{name:<26}{process.pid:>8}{memory.get(name, 0) / 2**20:>8.0f} MiB")
        else:
            lines.append(f"{name:<26}{'-':>8}{'on demand' if name in ON_DEMAND else 'stopped':>14}")
    return "\n".join([*lines, f"{'together':<34}{sum(memory.values()) / 2**20:>8.0f} MiB"])
