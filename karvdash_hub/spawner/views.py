"""What a person sees of a service. Made from what is in memory, so that a list costs no request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["starting", "running", "failing", "stopping", "stopped"]


@dataclass(frozen=True)
class ServiceView:
    """One service at one moment.

    Attributes:
        user: name of the owner.
        name: of the JupyterHub server; "" is the default server (a stock notebook).
        display_name: free text for people.
        template: Karvdash's object of the template with its ``values`` (no passwords); None if the
            template has been deleted since, and for stock notebooks.
        template_id: "" for stock notebooks.
        state: starting, running, failing, stopping or stopped.
        message: a sentence for a person.
        url: where it opens in a browser, None if it has nothing to open. It may not answer yet.
        endpoints: ``{"name", "host", "port", "protocol"}`` inside the cluster.
        created, started: ISO 8601, UTC; started is None while it is stopped.
        actions: whether the owner may stop, change and delete it.
        values: {variable: value}, without passwords.
        secret_names: variables of type password that have a value.
        size: ``{"cpu", "memory", "gpu"}``, what was chosen.
        percent: how far the launch is, 0 to 100.
        pods: ``{"name", "containers": [name], "ready": bool}``.
        stock: whether it is JupyterHub's own notebook and no service template.
        launching: whether a launch is under way (it may still be refused).
        connect: how to use it, a hint of the template's author; "" if there is none.
        idle_after: seconds without use after which it is stopped, None if that never happens.
        idle_warning: what is about to happen for want of use, "" while it is not.
        recheck: seconds after which time alone may change this, None if only news can.
    """

    user: str
    name: str
    display_name: str = ""
    template: Mapping[str, Any] | None = None
    template_id: str = ""
    state: State = "stopped"
    message: str = ""
    url: str | None = None
    endpoints: Sequence[Mapping[str, Any]] = ()
    created: str = ""
    started: str | None = None
    actions: bool = True
    values: Mapping[str, Any] = field(default_factory=dict)
    secret_names: Sequence[str] = ()
    size: Mapping[str, str] = field(default_factory=dict)
    percent: int = 0
    pods: Sequence[Mapping[str, Any]] = ()
    stock: bool = False
    launching: bool = False
    connect: str = ""
    idle_after: float | None = None
    idle_warning: str = ""
    recheck: float | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the API's form of a service."""
        return {
            "name": self.name,
            "display_name": self.display_name,
            "url": self.url,
            "created": self.created,
            "started": self.started,
            "actions": self.actions,
            "template": dict(self.template) if self.template is not None else None,
            "state": self.state,
            "message": self.message,
            "percent": self.percent,
            "endpoints": [dict(endpoint) for endpoint in self.endpoints],
            "values": dict(self.values),
            "size": dict(self.size),
        }
