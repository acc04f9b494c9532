"""A gate at a thousand services: what it takes, and that it still finds the right one."""

from __future__ import annotations

import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from cluster.processes import resident_bytes
from tests.gate import objects
from tests.kube.api_server import ADMIN
from tests.site.site import HOSTNAME, Site

ROUTES, USERS = 1000, 20


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_routes_fit_into_80_mib(site: Site) -> None:
    api, mark = site.cluster.config(), secrets.token_hex(3)
    session = requests.Session()
    session.trust_env = False  # it would put another bundle in the place of ours
    session.verify = api.ca_file
    session.headers.update({"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"})
    session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=4))

    def create(path: str, item: objects.Object) -> None:
        # Their owners' ids are invented: garbage collection would be busy with them for minutes, and late
        # for the tests after this one.
        item["metadata"].pop("ownerReferences", None)
        answer = session.post(f"{api.server}{path}", data=json.dumps(item), timeout=60)
        assert answer.ok, answer.text

    def make(number: int) -> None:
        user, server = f"m{mark}{number % USERS}", f"s{number}"
        host, namespace = f"{server}-{user}.{HOSTNAME}", f"/namespaces/karvdash-{user}"
        service = objects.service(server, user)
        del service["metadata"]["uid"], service["spec"]["clusterIP"]
        create(f"/api/v1{namespace}/configmaps", objects.anchor(server, user, host=host))
        create(f"/apis/networking.k8s.io/v1{namespace}/ingresses", objects.ingress(server, user, host=host))
        create(f"/api/v1{namespace}/services", service)
        create(f"/apis/discovery.k8s.io/v1{namespace}/endpointslices", objects.endpoints(server, user))

    for number in range(USERS):
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": f"karvdash-m{mark}{number}"},
        }
        create("/api/v1/namespaces", namespace)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make, range(ROUTES)))
    pid, metrics = site.processes["gate"].pid, f"http://127.0.0.1:{site.gate_ports[0]}/metrics"
    assert pid
    found = re.search(r"^karvdash_gate_hosts (\d+)", requests.get(metrics, timeout=10).text, re.MULTILINE)
    assert found and int(found[1]) >= ROUTES
    taken = resident_bytes(pid) / 2**20
    print(f"{taken:.1f} MiB at {found[1]} hosts")
    assert taken < 80
