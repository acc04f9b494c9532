"""A real LDAP directory: Debian's slapd, with a folder and a port of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from cluster.packages import install
from cluster.preflight import Package, find_program, missing_packages
from tests.accounts.lone_hub import free_port

PACKAGE = Package("slapd", ("slapd",), services=("slapd.service",))
BASE = "dc=example,dc=org"
CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
database mdb
directory {folder}/data
suffix "{base}"
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""
TOP = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people
"""
PERSON = """\
dn: uid={name},ou=people,{base}
objectClass: inetOrgPerson
uid: {name}
cn: {name}
sn: {name}
mail: {name}@example.org
userPassword: {password}
"""


class Directory:
    """One slapd with these people, {name: password}. ``port`` is on loopback."""

    def __init__(self, folder: Path, people: Mapping[str, str]) -> None:
        install(missing_packages((PACKAGE,)), print)
        self.port = free_port()
        self._folder = folder
        # A copy: AppArmor, where it knows slapd, lets the one in its place read its own folders only.
        self._program = folder / "slapd"
        shutil.copy(find_program("slapd") or "slapd", self._program)
        (folder / "data").mkdir()
        (folder / "slapd.conf").write_text(CONFIG.format(folder=folder, base=BASE))
        entries = [PERSON.format(name=name, password=word, base=BASE) for name, word in people.items()]
        (folder / "people.ldif").write_text("\n".join([TOP, *entries]))
        self._config = ("-f", folder / "slapd.conf")
        fill = [self._program, "-T", "add", *self._config, "-l", folder / "people.ldif"]
        subprocess.run(fill, check=True, capture_output=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with (self._folder / "slapd.log").open("ab") as log:
            address = f"ldap://127.0.0.1:{self.port}"
            # With -d it stays in the foreground.
            command = [self._program, "-d", "stats", *self._config, "-h", address]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", self.port)):
                ended = self._process.poll() is not None
                assert not ended and time.monotonic() < deadline, self.log()
                time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def log(self) -> str:
        """What it has logged, the binds among it."""
        return (self._folder / "slapd.log").read_text(errors="replace")
