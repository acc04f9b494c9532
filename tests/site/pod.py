"""A program with an address of its own, as a pod has: it runs in a network namespace of this machine.

The gate sends requests to no address of this machine, so a process on loopback would not do.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from demo.processes import Process

SCRIPT = Path(__file__).parent.parent / "gate" / "service.py"


class Pod:
    """tests/gate/service.py on some ports of ``address``.

    Attributes:
        address: reachable from this machine alone.
    """

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        number = secrets.randbelow(2**14) * 4
        self._name = f"kh-{secrets.token_hex(4)}"
        self._gateway, self.address = (
            f"10.213.{(number + last) >> 8}.{(number + last) & 255}" for last in (1, 2)
        )
        self._process = Process(self._name, run=folder, log=folder)
        self._folder, self._ports = folder, ports

    def up(self) -> None:
        """Make the namespace and start the program."""
        name = self._name
        for command in (
            f"netns add {name}",
            f"link add {name} type veth peer name eth0 netns {name}",
            f"addr add {self._gateway}/30 dev {name}",
            f"link set {name} up",
            f"-n {name} addr add {self.address}/30 dev eth0",
            f"-n {name} link set eth0 up",
        ):
            subprocess.run(["ip", *command.split()], check=True)
        program = [sys.executable, str(SCRIPT), *map(str, self._ports)]
        self._process.start(["ip", "netns", "exec", name, *program], env={}, cwd=self._folder)

    def down(self) -> None:
        """End the program and remove the namespace."""
        self._process.stop()
        subprocess.run(["ip", "netns", "delete", self._name], check=False)
