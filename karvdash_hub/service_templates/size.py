"""CPU, memory and GPUs of a launch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from karvdash_hub.errors import FieldError, ValuesInvalid
from karvdash_hub.service_templates.quantity import parse_quantity
from karvdash_hub.service_templates.tree import Manifest, dig, ensure, mapping, shorten
from karvdash_hub.service_templates.variable_types import to_integer, to_quantity
from karvdash_hub.service_templates.workloads import pod_template

_TITLES: Final = {"cpu": "CPU", "memory": "Memory"}
_MINIMUM: Final = {"cpu": "1m", "memory": "1Mi"}
_MAXIMUM: Final = {"cpu": "10k", "memory": "1Pi"}
_MAX_GPUS: Final = 1000


@dataclass(frozen=True)
class Size:
    """What the first container of a launch asks for, and may use at most.

    Attributes:
        cpu, memory: Kubernetes quantities (cores, bytes); "" leaves what the template says.
        gpu: number of GPUs; None leaves what the template says.
        gpu_resource: the resource that counts GPUs in this cluster.
    """

    cpu: str = ""
    memory: str = ""
    gpu: int | None = None
    gpu_resource: str = "nvidia.com/gpu"

    def __bool__(self) -> bool:
        return bool(self.cpu or self.memory or self.gpu is not None)

    def to_dict(self) -> dict[str, str | int | None]:
        """Return the API's form."""
        return {"cpu": self.cpu, "memory": self.memory, "gpu": self.gpu}


def check_size(sent: Mapping[str, Any] | None, gpu_resource: str = "nvidia.com/gpu") -> Size:
    """Turn ``{"cpu", "memory", "gpu"}``, form text or JSON, into a Size. Nothing and "" mean unchanged.

    Raises: ValuesInvalid with every mistake; ``field`` is ``size.cpu`` and so on.
    """
    sent = sent or {}
    errors = [
        FieldError(None, f"size.{shorten(str(key))}", "A size has cpu, memory and gpu.")
        for key in sent
        if key not in ("cpu", "memory", "gpu")
    ]
    given: dict[str, str] = {}
    for field in ("cpu", "memory"):
        try:
            given[field] = _amount(field, sent.get(field))
        except ValueError as problem:
            errors.append(FieldError(None, f"size.{field}", f"{_TITLES[field]} {problem}."))
    gpu: int | None = None
    try:
        gpu = _gpus(sent.get("gpu"))
    except ValueError as problem:
        errors.append(FieldError(None, "size.gpu", f"GPUs {problem}."))
    if errors:
        raise ValuesInvalid(errors)
    return Size(gpu=gpu, gpu_resource=gpu_resource, **given)


def _amount(field: str, raw: object) -> str:
    if raw is None or raw == "":
        return ""
    text = to_quantity(raw)
    if _more(_MINIMUM[field], text):
        hint = f" ({text} means {text} bytes; write {text}Gi for gibibytes)" if text.isdecimal() else ""
        raise ValueError(f"must be at least {_MINIMUM[field]}{hint if field == 'memory' else ''}")
    if _more(text, _MAXIMUM[field]):
        raise ValueError(f"must be at most {_MAXIMUM[field]}")
    return text


def _more(one: str, other: str) -> bool:
    first: Decimal = parse_quantity(one)
    return first > parse_quantity(other)


def _gpus(raw: object) -> int | None:
    if raw is None or raw == "":
        return None
    count = to_integer(raw)
    if not 0 <= count <= _MAX_GPUS:
        raise ValueError(f"must be between 0 and {_MAX_GPUS}")
    return count


def resize(manifests: Sequence[Manifest], size: Size) -> list[Manifest]:
    """Return the manifests with requests and limits of the first container of the first workload set.

    Raises: ValuesInvalid if a size is asked for and nothing here runs a container.
    """
    resized = deepcopy(list(manifests))
    if not size:
        return resized
    container = _first_container(resized)
    if container is None:
        message = "This service template runs no container of its own, so it takes no size."
        raise ValuesInvalid([FieldError(None, "size", message)])
    amounts = {"cpu": size.cpu, "memory": size.memory, size.gpu_resource: str(size.gpu) if size.gpu else ""}
    for kind in ("requests", "limits"):
        quantities = ensure(container, "resources", kind)
        quantities.update({name: amount for name, amount in amounts.items() if amount})
        if size.gpu == 0:
            quantities.pop(size.gpu_resource, None)
    return resized


def size_of(manifests: Sequence[Manifest], gpu_resource: str = "nvidia.com/gpu") -> Size:
    """Return what the first container of the first workload asks for now."""
    container = _first_container(manifests)
    amounts = {**mapping(container, "resources", "limits"), **mapping(container, "resources", "requests")}
    gpus = str(amounts.get(gpu_resource))
    return Size(
        cpu=str(amounts.get("cpu", "")),
        memory=str(amounts.get("memory", "")),
        gpu=int(gpus) if gpus.isdecimal() else 0,
        gpu_resource=gpu_resource,
    )


def _first_container(manifests: Sequence[Manifest]) -> dict[str, Any] | None:
    for manifest in manifests:
        container = dig(pod_template(manifest), "spec", "containers", 0)
        if isinstance(container, dict):
            return container
    return None
