"""The Hub, the files process and a launch: in any order, and with all that can be wrong with folders."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from demo.parts import command, environment
from demo.processes import Died
from demo.stack import Stack
from tests.fixtures.stacks import Person
from tests.hub.conftest import HubProcess
from tests.hub.helpers import BRIEF, launch, namespace_of, upload
from tests.hub.test_removed_users import delete_user, make_again, wait_until_gone


@pytest.fixture
def files(stack: Stack) -> Iterator[Any]:
    """The files process, which tests stop and start with other arguments."""
    yield stack.processes["files"]
    stack.processes["files"].stop()
    start_files(stack)


def start_files(stack: Stack, *more: str) -> None:
    """Start it, with these arguments after its own, and wait until it answers."""
    line = [*command(stack, "files"), *more]
    stack.processes["files"].start(line, env=environment(stack, "files"), cwd=stack.hub_dir)
    stack.wait_for(f"http://127.0.0.1:{stack.ports.files}/health", "files")


def refused(somebody: Person, name: str = "redis") -> tuple[int, str]:
    """Try to launch something: status and sentence."""
    answer = somebody.api("POST", "/karvdash/services/", {"id": "redis", "NAME": name})
    return answer.status_code, answer.json()["error"]


def private(stack: Stack, somebody: Person) -> Path:
    return stack.files_dir / "private" / somebody.name


def storage(stack: Stack, somebody: Person) -> dict[str, str]:
    """Phases of the person's claims and volumes."""
    found = json.loads(
        stack.cluster.kubectl("get", "pvc,pv", "--namespace", namespace_of(somebody), "--output", "json")
    )["items"]
    mine = f"{namespace_of(somebody)}-volume-"
    return {
        item["metadata"]["name"].removeprefix(mine): item["status"]["phase"]
        for item in found
        if item["metadata"]["name"].startswith(mine)
    }


def test_a_launch_finds_folders_and_bound_claims(stack: Stack, person: Callable[..., Person]) -> None:
    alice = person()
    launch(alice, "redis")
    assert private(stack, alice).is_dir()
    bound = {"private": "Bound", "private-pv": "Bound", "shared": "Bound", "shared-pv": "Bound"}
    assert storage(stack, alice) == bound
    alice.wait_for("redis", "running")
    namespace = json.loads(stack.cluster.kubectl("get", "namespace", namespace_of(alice), "--output", "json"))
    assert namespace["metadata"]["annotations"]["karvdash.io/volumes"] == "private shared"


def test_a_deleted_claim_is_back_within_seconds(stack: Stack, person: Callable[..., Person]) -> None:
    alice = person()
    assert signs_in(stack, alice)
    claim = ("pvc", f"{namespace_of(alice)}-volume-private", "--namespace", namespace_of(alice))
    until(lambda: storage(stack, alice).get("private") == "Bound")
    before = stack.cluster.kubectl("get", *claim, "--output", "jsonpath={.metadata.uid}")
    stack.cluster.kubectl("delete", *claim)
    until(lambda: storage(stack, alice).get("private") == "Bound")
    assert stack.cluster.kubectl("get", *claim, "--output", "jsonpath={.metadata.uid}") != before


def test_a_claim_that_is_deleted_while_it_is_used_is_said(
    stack: Stack, person: Callable[..., Person]
) -> None:
    """Kubernetes keeps it until the last pod has ended, and starts no other pod with it."""
    alice = person()
    launch(alice, "redis")
    alice.wait_for("redis", "running")
    claim = ("pvc", f"{namespace_of(alice)}-volume-private", "--namespace", namespace_of(alice))
    stack.cluster.kubectl("delete", *claim, "--wait=false")
    since = len(hub_log(stack))
    assert signs_in(stack, alice)  # which looks at everything anew, in the background
    until(lambda: "is being deleted" in hub_log(stack)[since:])
    status, message = refused(alice, "another")
    assert status == 409
    assert message.startswith(f"PersistentVolumeClaim {claim[1]} is being deleted")
    assert "Stop all services and notebooks that run, then start them again." in message
    alice.api("POST", "/karvdash/services/redis/stop")
    alice.wait_for("redis", "stopped")
    until(lambda: storage(stack, alice).get("private") == "Bound")
    alice.api("POST", "/karvdash/services/redis/start")
    alice.wait_for("redis", "running")


def hub_log(stack: Stack) -> str:
    return stack.processes["hub"].log_file.read_text(errors="replace")


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)


def test_signing_in_works_without_the_files_process_and_a_launch_says_so(
    stack: Stack, person: Callable[..., Person], files: Any
) -> None:
    files.stop()
    alice = person()
    assert signs_in(stack, alice)
    status, message = refused(alice)
    assert status == 503
    assert message.startswith(
        "Your folders could not be prepared, so nothing was started. The file service ("
    )
    assert message.endswith("Try again in a minute; if it stays so, an administrator has to start it.")
    assert alice.api("GET", "/karvdash/services/").json()["objects"] == []
    start_files(stack)
    launch(alice, "redis")
    alice.wait_for("redis", "running")


def signs_in(stack: Stack, somebody: Person) -> bool:
    with requests.Session() as session:
        page = session.get(f"{stack.hub_url}/hub/login", timeout=60)
        token = page.text.partition('name="_xsrf" value="')[2].partition('"')[0]
        form = {"username": somebody.name, "password": somebody.password, "_xsrf": token}
        answer = session.post(f"{stack.hub_url}/hub/login", form, allow_redirects=False, timeout=60)
        return answer.status_code == 302


def test_a_launch_waits_for_a_files_process_that_starts(
    stack: Stack, person: Callable[..., Person], files: Any
) -> None:
    alice = person()
    files.stop()
    with ThreadPoolExecutor(1) as pool:
        order = {"id": "redis", "NAME": "redis"}
        launching = pool.submit(alice.api, "POST", "/karvdash/services/", order)
        try:
            while says(alice, "redis") != "Waiting for the file service, which does not answer.":
                assert not launching.done(), launching.result().text
        finally:
            start_files(stack)
    assert launching.result().json()["name"] == "redis"
    alice.wait_for("redis", "running")


def says(somebody: Person, name: str) -> str:
    """What a service says of itself; "" if there is none yet."""
    return str(somebody.api("GET", f"/karvdash/services/{name}/").json().get("message", ""))


def test_the_hub_starts_without_the_files_process(
    stack: Stack, person: Callable[..., Person], hub: HubProcess, files: Any
) -> None:
    alice = person()
    hub.stop()
    files.stop()
    hub.start()
    assert signs_in(stack, alice)
    start_files(stack)
    launch(alice, "redis")


@contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "files", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_tree_that_cannot_be_used_is_said(
    stack: Stack, person: Callable[..., Person], files: Any, tmp_path: Path
) -> None:
    """Missing, not mounted, read-only, full: the launch is refused with the path and what to do."""
    alice = person()
    nowhere, unmounted = tmp_path / "nowhere", tmp_path / "unmounted"
    unmounted.mkdir()
    with tmpfs(tmp_path / "ro", "ro") as read_only, tmpfs(tmp_path / "full", "nr_inodes=1") as full:
        cases: list[tuple[list[str], int, str]] = [
            (["--root", str(nowhere)], 503, f"There is no folder {nowhere} for all files: mount"),
            (["--root", str(unmounted), "--mounted"], 503, f"Nothing is mounted at {unmounted}: mount"),
            (["--root", str(read_only)], 503, f"The file system of {read_only}/private is read-only: mount"),
            (["--root", str(full)], 507, f"No space is left for {full}/private: an administrator has to"),
        ]
        for arguments, status, says in cases:
            files.stop()
            start_files(stack, *arguments)
            answer = refused(alice)
            assert answer[0] == status
            assert answer[1].startswith(says)
        files.stop()
    assert alice.api("GET", "/karvdash/services/").json()["objects"] == []
    assert list(unmounted.iterdir()) == []


def test_a_folder_that_is_a_link_is_said(stack: Stack, person: Callable[..., Person], tmp_path: Path) -> None:
    alice = person()
    folder = private(stack, alice)
    folder.parent.mkdir(exist_ok=True)
    folder.symlink_to(tmp_path)
    try:
        status, message = refused(alice)
    finally:
        folder.unlink()
    assert status == 409
    assert message.startswith(f"{folder} is not a folder but a file or a symbolic link, which is not ")
    launch(alice, "redis")
    assert (folder.is_dir(), list(tmp_path.iterdir())) == (True, [])


def test_a_wrong_secret_is_said(
    stack: Stack, person: Callable[..., Person], files: Any, tmp_path: Path
) -> None:
    alice, other = person(), tmp_path / "token"
    other.write_text("another")
    files.stop()
    start_files(stack, "--token-file", str(other))
    status, message = refused(alice)
    assert status == 503
    assert message.startswith("The file service does not accept the Hub's secret: ")
    assert "another" not in message


def test_a_wrong_setting_ends_the_start_with_a_sentence(stack: Stack, hub: HubProcess) -> None:
    """All of them are in tests/pure/test_data_location.py."""
    since = len(hub.log())
    hub.stop()
    with pytest.raises(Died, match="The hub does not answer"):
        hub.start('c.DataDomains.files_url = "file://srv/files"')
    assert "DataDomains.files_url: 'file://srv/files' names the server 'srv': use three slashes" in hub.log(
        since
    )


def test_a_namesake_gets_an_empty_folder_and_an_administrator_the_old_one(
    stack: Stack, person: Callable[..., Person], files: Any
) -> None:
    """The name is free when the folder is set aside, and not before."""
    alice = person()
    launch(alice, upload(alice, BRIEF))
    alice.wait_for("brief", "running")
    namespace = namespace_of(alice)
    (private(stack, alice) / "diary").write_text("hers")
    files.stop()
    assert delete_user(stack, alice.name).status_code == 204
    wait_until_gone(stack, namespace)
    taken = requests.post(
        f"{stack.hub_url}/hub/api/users/{alice.name}",
        headers={"Authorization": f"token {stack.secret('bootstrap').read_text()}"},
        timeout=60,
    )
    assert taken.status_code == 400, "the name was given away before the files were set aside"
    start_files(stack)
    namesake = make_again(stack, alice.name)
    launch(namesake, "redis")
    assert list(private(stack, namesake).iterdir()) == []
    assert set(storage(stack, namesake).values()) == {"Bound"}

    address = f"http://127.0.0.1:{stack.ports.files}"
    flags = ["--files-api", address, "--token-file", str(stack.secret("files"))]
    listed = stack.hub_command("folders", *flags, "list").splitlines()
    old = [line.split("\t")[0] for line in listed if line.split("\t")[1] == alice.name]
    assert [(stack.files_dir / "private" / name / "diary").read_text() for name in old] == ["hers"]
    stack.hub_command("folders", *flags, "remove", "--yes", *old)
    assert not (stack.files_dir / "private" / old[0]).exists()
