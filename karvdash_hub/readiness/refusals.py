"""Why Kubernetes refuses to make a pod, from the messages of controllers (FailedCreate, ReplicaFailure).

Such a pod never exists, so there is nothing else to look at.
"""

from __future__ import annotations

import re

from karvdash_hub.readiness.quantity import format_bytes, format_number, parse_quantity

#: What controllers put before the API server's words.
_PREFIX = re.compile(
    r"^(Error creating: |create (Pod|Claim) \S+ (for Pod \S+ )?in StatefulSet \S+ failed error: )+"
)
_OBJECT = re.compile(r'^(?P<kind>[\w.]+) "[^"]*" is (forbidden|invalid): (?P<rest>.*)$', re.DOTALL)
_QUOTA = re.compile(r"exceeded quota: (\S+), requested: (\S+), used: (\S+), limited: (\S+)")
_QUOTA_NEEDS = re.compile(r"failed quota: (\S+): must specify (.+)")
_SECURITY = re.compile(r'violates PodSecurity "([^:"]+)[^"]*": (.*)', re.DOTALL)
_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '([^']+)' (?:with binding '[^']+' )?denied request: (.*)", re.DOTALL
)
_WEBHOOK = re.compile(r'admission webhook "([^"]+)" denied the request: (.*)', re.DOTALL)
_WEBHOOK_AWAY = re.compile(r'failed calling webhook "([^"]+)"')
_ACCOUNT = re.compile(r'serviceaccount "([^"]+)" not found')
_PRIORITY = re.compile(r"no PriorityClass with name (\S+) was found")
_LIMIT_RANGE = re.compile(
    r"(maximum|minimum) [\w-]+ usage per|max limit to request ratio|must be less than or equal"
)


def explain_refusal(message: str) -> str:
    """Turn a controller's message into a sentence."""
    text = _PREFIX.sub("", message).strip()
    if match := _OBJECT.match(text):
        text = match["rest"]
    if match := _QUOTA.search(text):
        return _explain_quota(*match.groups()[1:])
    if match := _QUOTA_NEEDS.search(text):
        return f"The namespace's quota {match[1]} wants each container to state {match[2]}: choose a size."
    if match := _SECURITY.search(text):
        return f"Refused by the namespace's pod security level {match[1]}: {_ended(match[2])}"
    if match := _POLICY.search(text):
        return f"Refused by the policy {match[1]}: {_ended(match[2])}"
    if match := _WEBHOOK.search(text):
        return f"Refused by the admission webhook {match[1]}: {_ended(match[2])}"
    if match := _WEBHOOK_AWAY.search(text):
        return (
            f"No pod can be made: the admission webhook {match[1]} does not answer. Kubernetes tries again."
        )
    if match := _ACCOUNT.search(text):
        return f"Service account {match[1]} does not exist in the namespace."
    if match := _PRIORITY.search(text):
        return f"Priority class {match[1]} does not exist."
    if _LIMIT_RANGE.search(text):
        return f"Outside the namespace's limits: {_ended(text.strip('[]'))} Choose another size."
    return f"Refused by Kubernetes: {_ended(text)}"


def _explain_quota(requested: str, used: str, limited: str) -> str:
    in_use, limits = _amounts(used), _amounts(limited)
    parts = [
        f"this needs {_amount(resource, amount)}, and {_amount(resource, in_use.get(resource, '0'))} "
        f"of {_amount(resource, limits.get(resource, '0'))} are in use"
        for resource, amount in _amounts(requested).items()
    ]
    return f"Quota exceeded: {'; '.join(parts)}. Stop another service or choose a smaller size."


def _amounts(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.rstrip(",").split(","))
    return {resource: amount for resource, _, amount in pairs}


def _amount(resource: str, quantity: str) -> str:
    kind, _, plain = (
        resource.rpartition("requests.") if "requests." in resource else resource.rpartition("limits.")
    )
    side = f" ({resource.partition('.')[0]})" if kind or resource != plain else ""
    try:
        number = parse_quantity(quantity)
    except ValueError:
        return f"{quantity} {resource}"
    if plain == "cpu":
        return f"{format_number(number)} CPU{'' if number == 1 else 's'}{side}"
    if plain in ("memory", "storage", "ephemeral-storage"):
        return f"{format_bytes(number)} of {plain.replace('-', ' ')}{side}"
    if plain.endswith("gpu"):
        return f"{format_number(number)} GPU{'' if number == 1 else 's'}"
    return f"{format_number(number)} {plain.removeprefix('count/')}{side}"


def _ended(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
