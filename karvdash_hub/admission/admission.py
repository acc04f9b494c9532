"""One admission server: what it knows, and how it answers a question."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain

from karvdash_hub.admission import metrics, review
from karvdash_hub.admission.events import Events
from karvdash_hub.admission.patch import Patch, patch, patch_ephemeral
from karvdash_hub.admission.settings import Settings
from karvdash_hub.admission.table import Table
from karvdash_hub.admission.tls import Certificate
from karvdash_hub.admission.watches import Watches
from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.config import load

#: Seconds to wait for the first look at the cluster, when this server has just started, and for a namespace
#: that has not been seen: it was made a moment ago, or is nobody's. For both together, and well below the
#: webhook's timeout (configuration.TIMEOUT), so that the sentence arrives.
PATIENCE = 3.0


class Admission:
    """Answers reviews.

    Raises: ConfigError if the API server's address or credentials cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        config = load(settings.kubeconfig)
        self.prefix = settings.prefix
        self.table = Table(settings.for_containers)
        self.watches = Watches(config, self.table, settings.prefix)
        self.events = Events(config)
        self.certificate = Certificate(settings.cert_file, settings.key_file)
        self.metrics = metrics.Metrics()
        self.stopping = False

    def start(self) -> None:
        """Begin to watch."""
        self.watches.start()
        self.events.start()

    async def stop(self) -> None:
        """End watches and Events."""
        await self.watches.stop()
        await self.events.stop()

    @property
    def unready(self) -> str:
        """Why pods cannot be judged, in sentences; empty when they can."""
        problems = []
        if not self.watches.synced:
            problems += ["The cluster has not been seen yet.", *self.watches.outages]
        if self.certificate.expired:
            problems.append("The certificate has expired.")
        if self.stopping:
            problems.append("The server is being stopped.")
        return " ".join(problems)

    async def answer(self, body: bytes) -> bytes:
        """Answer an AdmissionReview.

        Raises: review.NoReview if it is none.
        """
        began = time.perf_counter()
        outcome = "no-review"
        try:
            request = review.envelope(body)
            try:
                found, asked = await self._judge(request)
            except KarvdashError as error:
                outcome = error.reason
                return review.deny(request["uid"], error)
            outcome = "patched" if found.operations else "unchanged"
            if not asked.dry_run:
                self._tell(found, asked)
            return review.allow(asked.uid, found.operations, found.notes)
        finally:
            self.metrics.answered(outcome, time.perf_counter() - began)

    async def _judge(self, request: review.Json) -> tuple[Patch, review.Review]:
        asked = review.read(request, self.prefix)
        facts = await self.watches.facts(asked.namespace, PATIENCE)
        if asked.ephemeral:
            return patch_ephemeral(asked.pod, facts, asked.before), asked
        return patch(asked.pod, facts), asked

    def _tell(self, found: Patch, asked: review.Review) -> None:
        for dataset in found.datasets:
            self.metrics.left_out += 1
            if source := self.table.source(asked.namespace, dataset.name):
                self.events.tell(asked.namespace, source, dataset, asked.owner)

    def figures(self) -> Iterator[str]:
        """Yield the lines of the metrics page."""
        left = self.certificate.expires - time.time()
        states = {str(kind): watch.healthy for kind, watch in self.watches.by_kind.items()}
        return chain(
            self.metrics.lines(),
            metrics.healthy(states),
            metrics.single("namespaces", "gauge", "User namespaces that are known.", len(self.table)),
            metrics.single("events_total", "counter", "Events that were written.", self.events.written),
            metrics.single("events_lost_total", "counter", "Events that were not.", self.events.lost),
            metrics.single("certificate_seconds", "gauge", "Until the certificate expires.", round(left)),
        )
