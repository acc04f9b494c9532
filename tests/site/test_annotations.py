"""Annotations that command other controllers command nothing here (peers.md N3)."""

from __future__ import annotations

import json

from tests.site.site import TEMPLATE, Account, Site
from tests.site.visitor import Visitor

NGINX, TRAEFIK = "nginx.ingress.kubernetes.io", "traefik.ingress.kubernetes.io"
HOSTILE = {
    f"{NGINX}/auth-url": "http://evil.example/yes",
    f"{NGINX}/auth-signin": "http://evil.example/sign-in",
    f"{NGINX}/enable-global-auth": "false",
    f"{NGINX}/configuration-snippet": "return 200 evil;",
    f"{NGINX}/server-snippet": "location / { return 200 evil; }",
    f"{NGINX}/auth-snippet": "return 200;",
    f"{NGINX}/rewrite-target": "/evil",
    f"{NGINX}/permanent-redirect": "http://evil.example/",
    f"{NGINX}/upstream-vhost": "evil.example",
    f"{NGINX}/server-alias": "hub.karvdash.test",
    f"{NGINX}/backend-protocol": "HTTPS",
    f"{NGINX}/canary": "true",
    f"{NGINX}/mirror-target": "http://evil.example/",
    f"{TRAEFIK}/router.middlewares": "evil@kubernetescrd",
    f"{TRAEFIK}/service.serversscheme": "https",
    "haproxy.org/backend-config-snippet": "http-request deny",
    "konghq.com/plugins": "evil",
}


def test_annotations_change_neither_who_may_pass_nor_where_to(
    site: Site, alice: Account, host: str, browser: Visitor
) -> None:
    """In the template, and written onto the Ingress afterwards."""
    text = TEMPLATE.replace("name: Echo", "name: Hostile").replace(
        "kind: Ingress\napiVersion: networking.k8s.io/v1\nmetadata: {name: $NAME}",
        "kind: Ingress\napiVersion: networking.k8s.io/v1\n"
        f"metadata: {{name: $NAME, annotations: {json.dumps(HOSTILE)}}}",
    )
    assert "server-snippet" in text
    added = alice.api("POST", "/karvdash/templates/", {"data": text})
    assert added.status_code == 200, added.text
    hosts = [alice.launch("hostile", added.json()["id"]), host]
    path = f"/apis/networking.k8s.io/v1/namespaces/karvdash-{alice.name}/ingresses"
    change = {"metadata": {"annotations": HOSTILE}}
    site.kube("PATCH", f"{path}/echo", change, kind="application/merge-patch+json")
    assert site.kube("GET", f"{path}/hostile")["spec"]["ingressClassName"] == "karvdash"

    for name in hosts:
        stranger = Visitor(site).fetch(site.url(name, "/x"))
        assert stranger.status == 302
        assert stranger.headers["Location"].startswith(f"{site.hub_url}/hub/karvdash/grant?")
        page = browser.open(site.url(name, "/x?a=1"))
        arrived = json.loads(page.data)
        assert (page.status, arrived["uri"]) == (200, "/x?a=1")
        assert arrived["headers"]["Host"] == [f"{name}:{site.port}"]
