"""Commands: ``python -m cluster up|down|status|env|kubectl``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from . import Cluster, ClusterError, write_env
from .instance import describe


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(
        prog="python -m cluster", description="A real one-node Kubernetes from host processes."
    )
    commands = main.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "start what is not running and wait until the node is ready"),
        ("down", "stop everything; the state is kept"),
        ("status", "say what runs, and how much memory it takes"),
        ("env", "print KUBECONFIG and the addresses, one KEY=value a line"),
        ("kubectl", "run kubectl as admin; its words follow after --"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--name", default="demo", help="name of the cluster (default: demo)")
        command.add_argument(
            "--state", type=Path, help="folder of its data (default: .demo/cluster for demo, else .demo/NAME)"
        )
        if name == "up":
            command.add_argument(
                "--env",
                type=Path,
                help="file to write KUBECONFIG to (default: .demo/env for demo, else none)",
            )
            command.add_argument(
                "--authentication-config",
                type=Path,
                help="AuthenticationConfiguration of the API server: people of an OpenID Connect provider",
            )
        if name == "down":
            command.add_argument("--wipe", action="store_true", help="remove the state, too")
        if name == "kubectl":
            command.add_argument("words", nargs="*")
    return main


def default_state(name: str) -> Path:
    return Path(".demo") / ("cluster" if name == "demo" else name)


def environment(cluster: Cluster) -> dict[str, str]:
    return {
        "KUBECONFIG": str(cluster.kubeconfig),
        "API_URL": cluster.api_url,
        "HOST_ADDRESS": cluster.host_address,
        "NODE_ADDRESS": cluster.node_address,
        "REGISTRY": cluster.registry,
        "POD_CIDR": cluster.pod_cidr,
        "SERVICE_CIDR": cluster.service_cidr,
    }


def run(arguments: argparse.Namespace) -> int:
    cluster = Cluster(
        arguments.name,
        arguments.state or default_state(arguments.name),
        authentication=getattr(arguments, "authentication_config", None),
    )
    match arguments.command:
        case "up":
            cluster.up(progress=say)
            file = arguments.env or (Path(".demo/env") if arguments.name == "demo" else None)
            if file:
                write_env(file, {"KUBECONFIG": str(cluster.kubeconfig)})
        case "down":
            cluster.down(wipe=arguments.wipe, progress=say)
        case "status":
            print(describe(cluster))
            return 0 if all(process for name, process in cluster.status().items() if name != "kwok") else 1
        case "env":
            print("\n".join(f"{key}={value}" for key, value in environment(cluster).items()))
        case "kubectl":
            command = [str(cluster.kubectl_program), f"--kubeconfig={cluster.kubeconfig}", *arguments.words]
            return subprocess.run(command, check=False).returncode
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    try:
        sys.exit(run(parser().parse_args()))
    except ClusterError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
