"""What pods see of users' files: as root, as 1000 and as any other user id, and never another user's."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from karvdash_hub.data import VolumeClaim
from karvdash_hub.files.tree import Tree
from karvdash_hub.kube.namespaces import ensure_namespace
from karvdash_hub.kube.rest import Kube
from karvdash_hub.kube.storage import ensure_claims
from tests.fixtures.clusters import SomeCluster
from tests.kube.conftest import UserNamespace
from tests.kube.volumes import VOLUME, claims_of, container, delete, pod, run, running

IDS = (0, 1000, 12345)
MAKE = "for d in /private /shared; do cd $d; echo $(id -u) > of-$(id -u); mkdir -p d-$(id -u)/e; done"
CHANGE = (
    "for d in /private /shared; do cd $d; for u in 0 1000 12345; do echo $(id -u) >> of-$u; "
    "echo x > d-$u/e/by-$(id -u); mv of-$u renamed; mv renamed of-$u; done; done"
)
SHOW = "cat /private/of-1000 /shared/of-1000; ls /private/d-0/e; rm -r /private/* /shared/*; echo end"


async def test_three_user_ids_change_each_others_files(
    claims: list[VolumeClaim], admin_kube: Kube, alice: UserNamespace, busybox: str
) -> None:
    """What one makes in /private and /shared the others append to, rename and delete, whoever was first."""
    manifest = pod(alice, busybox, "three", claims, SHOW, 12345)
    manifest["spec"]["initContainers"] = [
        container(busybox, f"{what}-{uid}", claims, f"set -e; {script}", uid)
        for what, script in (("make", MAKE), ("change", CHANGE))
        for uid in IDS
    ]
    assert await run(admin_kube, manifest, alice) == (
        "Succeeded 1000 0 1000 12345 1000 0 1000 12345 by-0 by-1000 by-12345 end"
    )


async def test_nobody_reaches_anothers_private_files(
    claims: list[VolumeClaim],
    hub_kube: Kube,
    admin_kube: Kube,
    cluster: SomeCluster,
    alice: UserNamespace,
    files_root: Path,
    busybox: str,
) -> None:
    """Another user's pod, as root, sees what is shared, and nothing of whose private folders there are."""
    other = UserNamespace(f"{alice.name}b", f"{alice.username}b", f"{alice.slug}b", "")
    Tree(files_root).prepare(other.slug)
    others = claims_of(other, files_root)
    try:
        await ensure_namespace(hub_kube, **other.wishes())
        await ensure_claims(hub_kube, others)
        Path(claims[0].place.path, "secret").write_text("alice's")
        Path(claims[1].place.path, "open").write_text("everybody's")
        script = (
            "cat /shared/open; echo; ls -A /private; ls /private/.. /shared/.. ; ln -s ../" + alice.slug + " "
            "/private/l; cat /private/l/secret; cat /private/../" + alice.slug + "/secret"
        )
        said = await run(admin_kube, pod(other, busybox, "look", others, script), other)
        assert said.startswith("Failed ")
        assert "everybody's" in said  # the two streams of output come in any order
        assert "alice's" not in said
        assert re.findall(r"can't open '[^']*secret'", said) == [
            "can't open '/private/l/secret'",
            f"can't open '/private/../{alice.slug}/secret'",
        ]
        assert alice.slug not in re.sub(r"can't open '[^']*'", "", said)
    finally:
        cluster.kubectl("delete", "namespace", other.name, "--ignore-not-found", "--wait=false")
        for claim in others:
            await delete(admin_kube, VOLUME, claim.volume_name)


async def test_a_folder_that_is_missing_is_said_and_not_made(
    claims: list[VolumeClaim], admin_kube: Kube, alice: UserNamespace, files_root: Path, busybox: str
) -> None:
    """On a node where the file system is not mounted, a container would write to the node's own disk."""
    folder = files_root / "private" / alice.slug
    folder.rmdir()
    await admin_kube.create(pod(alice, busybox, "early", claims, "echo a > /private/a"))
    deadline = time.monotonic() + 60
    while not (problems := await mount_problems(admin_kube, alice)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    assert f"{folder} is not a directory" in problems[0]
    assert not folder.exists()
    Tree(files_root).prepare(alice.slug)
    assert await running(admin_kube, alice, "early", "Succeeded", "Failed") == "Succeeded"
    assert (folder / "a").read_text() == "a\n"


async def mount_problems(kube: Kube, person: UserNamespace) -> list[str]:
    events = await kube.list("v1", "Event", person.name, field_selector="reason=FailedMount")
    return [event["message"] for event in events]
