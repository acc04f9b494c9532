"""Why Kubernetes refuses to make a pod, from the messages of controllers (FailedCreate, ReplicaFailure).

Such a pod never exists, so there is nothing else to look at.
"""

from __future__ import annotations

import re

from karvdash_hub.readiness.quantity import format_bytes, format_number, parse_quantity

_BYTES = ("memory", "storage", "ephemeral-storage")
#: What controllers put before the API server's words.
_PREFIX = re.compile(
    r"^(?:\(combined from similar events\): |Error creating: |failed to create PVC \S+: "
    r"|Create (?:Pod|Claim) \S+ (?:for Pod \S+ )?in StatefulSet \S+ failed error: )+",
    re.IGNORECASE,
)
_OBJECT = re.compile(r'^(?P<kind>[\w.]+) "[^"]*" is (forbidden|invalid): (?P<rest>.*)$', re.DOTALL)
_QUOTA = re.compile(r"exceeded quota: (\S+), requested: (\S+), used: (\S+), limited: (\S+)")
_QUOTA_NEEDS = re.compile(r"failed quota: (\S+): must specify (.+)")
_MISSING = re.compile(r"(\S+) for: ")
_SECURITY = re.compile(r'violates PodSecurity "([^:"]+)[^"]*": (.*)', re.DOTALL)
_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '([^']+)' (?:with binding '[^']+' )?denied request: (.*)", re.DOTALL
)
_WEBHOOK = re.compile(r'admission webhook "([^"]+)" denied the request: (.*)', re.DOTALL)
_WEBHOOK_AWAY = re.compile(r'failed calling webhook "([^"]+)"')
#: The platform's own webhook, whose refusals are sentences for people already.
#: Source: karvdash_hub/admission/configuration.py WEBHOOK
_OUR_WEBHOOK = "pods.admission.karvdash.io"
OUR_WEBHOOK_SILENT = f'failed calling webhook "{_OUR_WEBHOOK}"'
OUR_WEBHOOK_AWAY = (
    "No pod can be made at the moment: the part of the platform that gives pods their folders does not "
    "answer."
)
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
        missing = " and ".join(_MISSING.findall(match[2])) or match[2]
        return f"The namespace's quota {match[1]} asks every container for {missing}: choose a size."
    if match := _SECURITY.search(text):
        return f"Refused by the namespace's pod security level {match[1]}: {_ended(match[2])}"
    if match := _POLICY.search(text):
        return f"Refused by the policy {match[1]}: {_ended(match[2])}"
    if match := _WEBHOOK.search(text):
        if match[1] == _OUR_WEBHOOK:
            return _ended(match[2])
        return f"Refused by the admission webhook {match[1]}: {_ended(match[2])}"
    if match := _WEBHOOK_AWAY.search(text):
        if match[1] == _OUR_WEBHOOK:
            return f"{OUR_WEBHOOK_AWAY} Kubernetes tries again."
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
    parts, never = [], False
    for resource, amount in _amounts(requested).items():
        limit = limits.get(resource, "0")
        plain = resource.removeprefix("requests.").removeprefix("limits.").removeprefix("count/")
        of = f"{_short(plain, in_use.get(resource, '0'))} of {_short(plain, limit)}"
        parts.append(
            f"this needs {_short(plain, amount)}{_unit(plain, amount)}; {of} are in use ({resource})"
        )
        never = never or parse_quantity(amount) > parse_quantity(limit)
    advice = "Choose a smaller size." if never else "Stop another service or choose a smaller size."
    return f"Quota exceeded: {'; '.join(parts)}. {advice}"


def _amounts(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.rstrip(",").split(","))
    return {resource: amount for resource, _, amount in pairs}


def _short(resource: str, quantity: str) -> str:
    number = parse_quantity(quantity)
    return format_bytes(number) if resource in _BYTES else format_number(number)


def _unit(resource: str, quantity: str) -> str:
    if resource in _BYTES:
        return f" of {resource.replace('-', ' ')}"
    word = {"cpu": "CPU"}.get(resource) or ("GPU" if resource.endswith("gpu") else "")
    one = parse_quantity(quantity) == 1
    if not word:
        return f" {resource.removesuffix('s')}" if one else f" {resource}"
    return f" {word}" if one else f" {word}s"


def _ended(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
