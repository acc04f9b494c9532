"""The gate's web application: addresses, limits, and what it says about itself."""

from __future__ import annotations

from collections.abc import Iterator

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from karvdash_hub.gate.gate import Gate
from karvdash_hub.gate.handlers import AuthHandler, GateHandler, PageHandler, RelayHandler
from karvdash_hub.gate.signin import CallbackHandler, LogoutHandler, VisitHandler

#: What the front passes on is smaller: it has limits of its own.
MAX_HEADER = 64 * 1024
MAX_BODY = 64 * 1024


class HealthHandler(GateHandler):
    """Alive."""

    def get(self) -> None:
        self.finish("ok\n")


class ReadyHandler(GateHandler):
    """Whether this gate has seen the cluster. An API server that goes away later takes nothing back."""

    def get(self) -> None:
        if not self.gate.watches.synced:
            self.set_status(503)
            outages = "".join(f"{outage}\n" for outage in self.gate.watches.outages)
            self.finish(f"not ready: the cluster has not been seen yet\n{outages}")
            return
        self.finish("ok\n")


class MetricsHandler(GateHandler):
    """Figures for Prometheus. ref: https://prometheus.io/docs/instrumenting/exposition_formats/"""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish("".join(f"{line}\n" for line in metrics(self.gate)))


class NothingHandler(GateHandler):
    """Every other address."""

    def prepare(self) -> None:
        self.send_error(404)


def metrics(gate: Gate) -> Iterator[str]:
    """Yield the lines of the metrics page."""
    yield "# HELP karvdash_gate_verdicts_total Decisions about requests."
    yield "# TYPE karvdash_gate_verdicts_total counter"
    for (status, reason), count in sorted(gate.verdicts.items()):
        yield f'karvdash_gate_verdicts_total{{status="{status}",reason="{reason}"}} {count}'
    yield "# HELP karvdash_gate_hub_calls_total Questions to the Hub."
    yield "# TYPE karvdash_gate_hub_calls_total counter"
    for outcome, count in gate.hub.calls.items():
        yield f'karvdash_gate_hub_calls_total{{outcome="{outcome}"}} {count}'
    yield "# HELP karvdash_gate_watch_healthy Whether a watch is current."
    yield "# TYPE karvdash_gate_watch_healthy gauge"
    for kind, watch in gate.watches.by_kind.items():
        yield f'karvdash_gate_watch_healthy{{kind="{kind}"}} {int(watch.healthy)}'
    for name, form, text, value in (
        ("hosts", "gauge", "Hosts that lead to a server.", len(gate.table)),
        ("relays", "gauge", "Open connections of other protocols, such as websockets.", len(gate.relays)),
        ("relay_bytes_total", "counter", "Bytes that those carried.", gate.relays.bytes),
    ):
        yield f"# HELP karvdash_gate_{name} {text}"
        yield f"# TYPE karvdash_gate_{name} {form}"
        yield f"karvdash_gate_{name} {value}"


def make_server(gate: Gate) -> HTTPServer:
    """Make the server; the caller lets it listen."""
    handlers: list[tuple[str, type[RequestHandler]]] = [
        ("/auth", AuthHandler),
        ("/page", PageHandler),
        ("/relay", RelayHandler),
        ("/.karvdash/callback", CallbackHandler),
        ("/.karvdash/logout", LogoutHandler),
        ("/.karvdash/visit", VisitHandler),
        ("/healthz", HealthHandler),
        ("/readyz", ReadyHandler),
        ("/metrics", MetricsHandler),
    ]
    application = Application(
        [(path, handler, {"gate": gate}) for path, handler in handlers],
        default_handler_class=NothingHandler,
        default_handler_args={"gate": gate},
        # tornado would log addresses, and one of them holds tickets.
        log_function=lambda handler: None,
    )
    return HTTPServer(
        application, max_header_size=MAX_HEADER, max_body_size=MAX_BODY, max_buffer_size=2 * MAX_HEADER
    )
