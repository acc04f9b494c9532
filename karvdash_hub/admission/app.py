"""The admission server's web application."""

from __future__ import annotations

import json
import logging

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from karvdash_hub.admission.admission import Admission
from karvdash_hub.admission.review import NoReview

log = logging.getLogger(__name__)

#: The API server takes objects of 3 MiB at most, and sends the old one along with an update.
#: ref: kubernetes/staging/src/k8s.io/apiserver/pkg/server/config.go MaxRequestBodyBytes
MAX_BODY = 8 * 2**20


class AdmissionHandler(RequestHandler):
    """What all addresses share."""

    def initialize(self, admission: Admission) -> None:
        self.admission = admission

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")

    def prepare(self) -> None:
        if self.admission.stopping:
            # So that the API server takes another replica next time.
            self.set_header("Connection", "close")

    def write_error(self, status_code: int, **_: object) -> None:
        """Say no more than the status; the log has the rest."""
        self.finish(json.dumps({"error": self._reason}))


class MutateHandler(AdmissionHandler):
    """AdmissionReview in, AdmissionReview out."""

    def compute_etag(self) -> None:
        """An answer to a POST is asked for once."""

    async def post(self) -> None:
        self.set_header("Content-Type", "application/json")
        try:
            self.finish(await self.admission.answer(self.request.body))
        except NoReview as error:
            log.warning("From %s: %s", self.request.remote_ip, error)
            self.set_status(error.status)
            self.finish(json.dumps({"error": error.message}))


class HealthHandler(AdmissionHandler):
    """Alive."""

    def get(self) -> None:
        self.finish("ok\n")


class ReadyHandler(AdmissionHandler):
    """Whether it can judge pods."""

    def get(self) -> None:
        if problem := self.admission.unready:
            self.set_status(503)
            self.finish(f"not ready: {problem}\n")
            return
        self.finish("ok\n")


class MetricsHandler(AdmissionHandler):
    """Figures for Prometheus."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish("".join(f"{line}\n" for line in self.admission.figures()))


class NothingHandler(AdmissionHandler):
    """Every other address."""

    def prepare(self) -> None:
        self.send_error(404)


def make_server(admission: Admission) -> HTTPServer:
    """Make the server, with the certificate as it is; the caller lets it listen.

    Raises: NoCertificate.
    """
    handlers = (
        ("/mutate", MutateHandler),
        ("/healthz", HealthHandler),
        ("/readyz", ReadyHandler),
        ("/metrics", MetricsHandler),
    )
    application = Application(
        [(path, handler, {"admission": admission}) for path, handler in handlers],
        default_handler_class=NothingHandler,
        default_handler_args={"admission": admission},
        log_function=lambda handler: None,
    )
    return HTTPServer(application, ssl_options=admission.certificate.load(), max_buffer_size=2 * MAX_BODY,
                      max_body_size=MAX_BODY)  # fmt: skip
