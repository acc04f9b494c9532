"""``python -m demo run|up|down|status``: behind make demo, demo-up and demo-down."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import click

from cluster import ClusterError
from demo.parts import ROOT
from demo.processes import Died
from demo.selftest import start_selftest, stop_selftest
from demo.stack import Stack
from images import ImageError


def make_stack() -> Stack:
    """The demonstration of this checkout; KARVDASH_PORT moves it to another port."""
    return Stack("demo", port=int(os.environ.get("KARVDASH_PORT", "8000")), state=ROOT / ".demo")


def say_how_to_use(stack: Stack) -> None:
    """Print address, accounts and what to do next."""
    env = stack.env
    click.echo(
        f"""
  Open      {stack.hub_url}
  Sign in   {env["USER_NAME"]} / {env["USER_PASSWORD"]}
            {env["ADMIN_USER"]} / {env["ADMIN_PASSWORD"]}  (admin)
  Shell     export KUBECONFIG={env["KUBECONFIG"]}
  Programs  {(stack.state / "env").relative_to(ROOT)} has tokens and addresses"""
    )
    if os.environ.get("SSH_CONNECTION"):
        port, host = stack.ports.front, os.environ["SSH_CONNECTION"].split()[2]
        user = os.environ.get("SUDO_USER") or os.environ.get("USER") or "root"
        click.echo(
            f"  Over ssh  ssh -L {port}:localhost:{port} {user}@{host}   (then open the address at home)"
        )


def start(stack: Stack) -> None:
    """Start it; what goes wrong is a message, not a traceback."""
    try:
        stack.up()
        start_selftest(stack)
    except (ClusterError, ImageError, Died) as problem:
        sys.exit(f"\n{problem}")


@click.group()
def main() -> None:
    """A real Kubernetes and a JupyterHub with karvdash_hub, on this machine."""


@main.command()
def up() -> None:
    """Start what is not running, in the background."""
    stack = make_stack()
    start(stack)
    say_how_to_use(stack)


@main.command()
@click.option("--wipe", is_flag=True, help="Also forget users, services and files.")
def down(wipe: bool) -> None:
    """Stop it; the state is kept unless --wipe is given."""
    stack = make_stack()
    stop_selftest(stack)
    stack.down(wipe=wipe)


@main.command()
def status() -> None:
    """Say which parts run."""
    for part, process in make_stack().processes.items():
        click.echo(f"{part:6} {process.pid or 'is not running'}")


@main.command()
def run() -> None:
    """Start it, stay in the foreground, and stop all of it on Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    stack = make_stack()
    try:
        start(stack)
        say_how_to_use(stack)
        click.echo("\n  Ctrl-C stops all of it.\n")
        watch(stack)
    except KeyboardInterrupt:
        pass
    finally:
        click.echo("\nStopping ...")
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half of it
        stop_selftest(stack)
        stack.down()
        click.echo("Stopped. The state is kept; `make demo` continues with it.")


@main.command()
def smoke() -> None:
    """Launch hello-kubernetes as alice, see it run, and delete it: the shortest proof that all parts work."""
    stack = make_stack()
    token = stack.env["USER_TOKEN"]
    status, service = stack.api(
        "POST", "/karvdash/services/", {"id": "hello-kubernetes", "NAME": "smoke"}, token=token
    )
    if status != 201:
        sys.exit(f"The launch was refused: {status} {service}")
    path = f"/karvdash/services/{service['name']}/"
    deadline = time.monotonic() + 60
    while service["state"] == "starting" and time.monotonic() < deadline:
        time.sleep(0.2)
        service = stack.api("GET", path, token=token)[1]
    stack.api("DELETE", path, token=token)
    if service["state"] != "running":
        sys.exit(f"hello-kubernetes did not start: {service['message']}")
    click.echo(f"{service['url']} was up.")


def watch(stack: Stack) -> None:
    """Return never, or say which part died."""
    while True:
        for part, process in stack.processes.items():
            if process.pid is None:
                log = process.log_file.relative_to(Path(ROOT))
                click.echo(f"The {part} ended. The end of {log}:\n{process.last_lines()}", err=True)
                sys.exit(1)
        time.sleep(1)


if __name__ == "__main__":
    main()
