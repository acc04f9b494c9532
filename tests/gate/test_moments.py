"""What visitors see while things change: starting, restarting, stopped, and parts of the platform gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.gate.conftest import Gateway, Service

HTML = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
MakeService = Callable[..., Service]


def test_a_service_opens_the_moment_it_is_ready(new_service: MakeService) -> None:
    """The page while it starts refreshes itself; a request that comes just before waits."""
    service = new_service().create(replicas=0)
    service.wait(status=503, seconds=5)
    page = service.ask(headers=HTML)

    assert (page.status_code, page.headers["Retry-After"]) == (503, "1")
    assert "web is starting" in page.text and 'http-equiv="refresh" content="1"' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    service.scale(1)
    service.wait(seconds=60)


def test_a_request_waits_for_a_pod_that_listens_late(new_service: MakeService) -> None:
    """Without a readiness probe a pod is ready when its process starts, not when it listens."""
    service = new_service().create(container={"env": [{"name": "LATE", "value": "1"}]})
    service.kubectl("wait", "deployment/web", "--for=condition=Available", "--timeout=60s")

    answers = [service.ask().status_code for _ in range(3)]
    assert answers == [200, 200, 200]


def test_a_path_each_has_its_backend(new_service: MakeService) -> None:
    """And no verdict is repeated for another path, not even under load."""
    paths = [("/", "Prefix", "web", 8080), ("/api", "Prefix", "web", 8081)]
    service = new_service().create(ports=(8080, 8081), paths=paths).wait("/").wait("/api")

    def port(path: str) -> int:
        return int(service.ask(path).json()["port"])

    asked = ["/", "/api/x", "/apis", "/api"] * 25
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(port, asked)) == [8080, 8081, 8080, 8081] * 25


def test_verdicts_of_one_backend_are_repeated_for_two_seconds_at_most(web: Service) -> None:
    def asked() -> float:
        return web.gateway.metric("karvdash_gate_verdicts_total")

    time.sleep(2.1)  # nothing in memory
    before = asked()
    for _ in range(50):
        web.ask("/")
    in_memory = asked() - before
    time.sleep(2.1)
    web.ask("/")

    assert 1 <= in_memory <= 3
    assert asked() - before > in_memory


def test_a_service_is_gone_two_seconds_after_its_anchor(new_service: MakeService) -> None:
    service = new_service().create().wait()
    service.kubectl("delete", "configmap", "karvdash-web")
    time.sleep(2.5)
    page = service.ask(headers=HTML)

    assert page.status_code == 404
    assert "web is not running" in page.text
    assert f"http://{service.gateway.domain}/hub/service/web" in page.text
    guest = service.ask(cookie=service.gateway.cookie(service.host, "guest"), headers=HTML)
    assert "/hub/service/web" not in guest.text


def test_a_service_without_ingress_says_so(new_service: MakeService, gateway: Gateway) -> None:
    service = new_service("redis").create(replicas=0)
    service.kubectl("delete", "ingress", "redis")
    service.wait(status=404, seconds=20)
    assert "redis has no web page" in service.ask(headers=HTML).text


def test_an_open_service_lets_everybody_in(new_service: MakeService, gateway: Gateway) -> None:
    service = new_service().create(auth=False).wait()
    arrived = service.ask("/", "POST", cookie="", headers={"Origin": "http://elsewhere.org"})

    assert arrived.status_code == 405, "the service's own answer, not a sign-in"
    assert "X-Forwarded-User" not in service.ask(cookie="").json()["headers"]
    assert service.ask("/").json()["headers"]["X-Forwarded-User"] == [service.user]


def test_a_service_that_does_not_answer(new_service: MakeService) -> None:
    service = new_service().create().wait()
    page = service.ask("/drop", headers=HTML)

    assert (page.status_code, page.headers["Retry-After"]) == (502, "3")
    assert "web does not answer" in page.text
    assert service.ask("/drop").text.startswith("web does not answer.\n")
    assert service.ask().status_code == 200


def test_a_restart_of_the_pod_is_seen_within_seconds(new_service: MakeService) -> None:
    """No address of a pod that is gone is used for longer than a verdict lasts."""
    service = new_service().create().wait()
    service.kubectl("delete", "pods", "--all", "--wait=false")
    deadline, seen = time.monotonic() + 30, []
    while time.monotonic() < deadline and len([s for s in seen[-5:] if s == 200]) < 5:
        seen.append(service.ask().status_code)
        time.sleep(0.2)

    assert seen[-5:] == [200] * 5, seen
    assert set(seen) <= {200, 502, 503}


def test_two_pods_share_the_work_and_one_may_go(new_service: MakeService) -> None:
    service = new_service().create(replicas=2).wait()
    service.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    service.scale(1)
    assert {service.ask().status_code for _ in range(40)} == {200}


def test_the_gate_can_be_killed(web: Service, gateway: Gateway) -> None:
    """Nobody gets in without it, nobody is signed out by it."""
    gateway.processes["gate"].kill()
    try:
        time.sleep(2.1)
        page = web.ask()
        assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
        assert page.text.startswith("The gate does not answer")
        assert gateway.ask(web.host, headers=HTML).status_code == 503
    finally:
        gateway.start("gate")
    web.wait(seconds=5)


def test_a_gate_that_has_not_seen_the_cluster_lets_nobody_in(gateway: Gateway, web: Service) -> None:
    """A gate without Kubernetes says that it is not ready, and why."""
    kubeconfig = gateway.folder / "kubeconfig"
    text = kubeconfig.read_text()
    gateway.stop("gate")
    kubeconfig.write_text(text.replace("https://", "https://127.0.0.1:1/"))
    try:
        gateway.processes["gate"].start(gateway._command("gate"), env={}, cwd=gateway.folder)
        deadline = time.monotonic() + 20
        while "The platform is starting" not in (page := web.ask(headers=HTML)).text:
            assert time.monotonic() < deadline, page.text
            time.sleep(0.2)
        assert page.status_code == 503
    finally:
        gateway.stop("gate")
        kubeconfig.write_text(text)
        gateway.start("gate")
    web.wait(seconds=5)


def test_a_gate_is_small(gateway: Gateway, web: Service) -> None:
    """After all that the tests of this session have done to it."""
    web.ask("/")
    assert gateway.memory("gate") < 45 * 2**20
