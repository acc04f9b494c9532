"""Kubernetes quantities: ``500m``, ``1Gi``, ``1e3``.

ref: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Decimal

_FORM = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?")
_FACTORS = {
    "": Decimal(1),
    **{suffix: Decimal(1000) ** (power - 3) for power, suffix in enumerate("num", 0)},
    **{suffix: Decimal(1000) ** (power + 1) for power, suffix in enumerate("kMGTPE")},
    **{suffix + "i": Decimal(1024) ** (power + 1) for power, suffix in enumerate("KMGTPE")},
}


def parse_quantity(text: str) -> Decimal:
    """Return the number that a quantity stands for.

    Raises: ValueError if it is none.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity such as 500m, 2 or 1Gi")
    number, suffix = match[1], match[2] or ""
    if suffix[:1] in ("e", "E") and suffix != "E" and suffix != "Ei":
        return Decimal(number + suffix)
    return Decimal(number) * _FACTORS[suffix]


def add_quantities(one: str, other: str) -> str:
    """Add two quantities; a zero leaves the other as it was written."""
    if one == "0":
        return other
    if other == "0":
        return one
    return format_number(parse_quantity(one) + parse_quantity(other))


def format_number(number: Decimal) -> str:
    """Write a number without exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_bytes(number: Decimal) -> str:
    """Write an amount of bytes for a person: ``512 MiB``, ``1.5 GiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if number < 1024 or unit == "TiB":
            break
        number /= 1024
    return f"{format_number(round(number, 1))} {unit}"
