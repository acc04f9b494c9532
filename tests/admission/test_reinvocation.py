"""Another webhook that adds a container after ours: Kubernetes asks again, and nothing is added twice."""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karvdash_hub.admission import authority
from tests.admission.people import MOUNTS, Api, UserNamespace, mounts
from tests.admission.webhook import Webhook

Json = dict[str, Any]
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
NAME = "zz-test-adds-a-container"  # webhooks are asked in the order of their names


class Adder(http.server.BaseHTTPRequestHandler):
    """Adds a container to pods that have none of that name."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        response: Json = {"uid": request["uid"], "allowed": True}
        names = [container["name"] for container in request["object"]["spec"]["containers"]]
        if "added" not in names:
            container = {"name": "added", "image": "pause"}
            patch = [{"op": "add", "path": "/spec/containers/-", "value": container}]
            text = base64.b64encode(json.dumps(patch).encode()).decode()
            response |= {"patchType": "JSONPatch", "patch": text}
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        content = json.dumps(review).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def adder(webhook: Webhook, api: Api, bob: UserNamespace, tmp_path: Path) -> Iterator[None]:
    """The other webhook, for bob's namespace."""
    host = webhook.cluster.host_address
    signs = authority.make_authority(time.time(), 3600)
    leaf = authority.make_leaf(signs, [host], time.time(), 3600)
    (tmp_path / "pair.pem").write_bytes(leaf.pem + leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    with http.server.ThreadingHTTPServer((host, 0), Adder) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        bundle = base64.b64encode(signs.pem).decode()
        hook = {
            "name": "adder.test.karvdash.io",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": f"https://{host}:{server.server_address[1]}/", "caBundle": bundle},
            "rules": [
                {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": bob.name}},
            "sideEffects": "None",
            "failurePolicy": "Fail",
        }
        api.call("POST", CONFIGURATIONS, {"metadata": {"name": NAME}, "webhooks": [hook]})
        yield
        api.call("DELETE", f"{CONFIGURATIONS}/{NAME}")
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("adder")
def test_a_container_that_comes_later(bob: UserNamespace, pod: Json) -> None:
    """It has its volumes and variables too, and each container has each of them once."""
    deadline = time.monotonic() + 30
    while len(made := bob.create_object(pod, "?dryRun=All")["spec"]["containers"]) < 2:
        assert time.monotonic() < deadline, made  # the API server learns of the new webhook in a moment
        time.sleep(0.2)
    made = bob.create_object(pod)
    assert mounts(made) == {"main": MOUNTS, "added": MOUNTS}
    for container in made["spec"]["containers"]:
        names = [variable["name"] for variable in container["env"]]
        places = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert len(names) == len(set(names)) > 0
        assert len(places) == len(set(places)) > 0
