"""What an administrator does with the services of somebody who is deactivated, and has no rights left."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import pytest
import requests

from karvdash_hub.store import Store
from tests.site.site import TEMPLATE, Site

#: Something that survives a stop, and a password in a Secret of ours.
KEEPING = (
    TEMPLATE.replace("name: Echo", "name: Keeping").replace(
        "variables:\n",
        "variables:\n- {name: WORD, type: password, default: open-sesame}\n",
    )
    + """
---
kind: PersistentVolumeClaim
apiVersion: v1
metadata: {name: $NAME-data, labels: {karvdash.io/keep: "true"}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
)


def wait_until(there: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@pytest.mark.parametrize("services", ["stop", "keep"])
def test_an_administrator_deletes_the_service_of_somebody_deactivated(site: Site, services: str) -> None:
    """With all that it keeps; the name is free again when the account is."""
    somebody, boss = site.account(), site.account(admin=True)
    added = somebody.api("POST", "/karvdash/templates/", {"data": KEEPING})
    assert added.status_code == 200, added.text
    asked = {"id": added.json()["id"], "NAME": "kept", "WORD": "another word"}
    assert somebody.api("POST", "/karvdash/services/", asked).status_code == 201
    namespace = f"/api/v1/namespaces/karvdash-{somebody.name}"

    def kept() -> list[str]:
        """Names of what is there and not on its way out: no controller here ends a claim's protection."""
        selector = "?labelSelector=karvdash.io/server%3Dkept%2Ckarvdash.io/keep%3Dtrue"
        return [
            item["metadata"]["name"]
            for kind in ("persistentvolumeclaims", "secrets")
            for item in site.kube("GET", f"{namespace}/{kind}{selector}")["items"]
            if "deletionTimestamp" not in item["metadata"]
        ]

    wait_until(lambda: kept() == ["kept-data", "karvdash-kept-values"], "nothing is kept")
    change = {"active": False, "services": services}
    assert boss.api("PATCH", f"/karvdash/users/{somebody.name}/", change).status_code == 200
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/karvdash-{somebody.name}/rolebindings"

    def rights() -> set[str]:
        found = site.kube("GET", bindings)["items"]
        return {subject["name"] for binding in found for subject in binding["subjects"]}

    wait_until(lambda: rights() == {"karvdash-hub"}, "the user still has rights")

    def delete() -> requests.Response:
        return boss.api("DELETE", f"/users/{somebody.name}/servers/kept", {"remove": True})

    wait_until(lambda: delete().status_code in (202, 204, 404), "the service is busy")
    wait_until(lambda: kept() == [], f"still there: {kept()}")
    with closing(Store(f"sqlite:///{site.folder}/hub/karvdash.sqlite")) as store:
        wait_until(lambda: store.launch(somebody.name, "kept") is None, "the deletion goes on for ever")
