"""What the API server refuses, as classes and in sentences.

A ``Status`` object becomes one of the classes below, with a message for a person and, where the API server
names fields, one ``FieldError`` a field. Values of fields are left out where they could be secret, since
these messages reach pages and logs.

ref: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from karvdash_hub.errors import FieldError, KarvdashError
from karvdash_hub.readiness import refusals

_LONGEST = 600


class KubeError(KarvdashError):
    """The API server refused or failed a request.

    Attributes:
        code: HTTP status that the API server answered, 0 when it did not answer.
        errors: what is wrong field by field, empty when the refusal is about the whole object.
        retry_after: seconds to wait before the next try, None when the API server names none.
    """

    default_reason = "kubernetes"
    default_status = 502

    def __init__(
        self,
        message: str,
        errors: Iterable[FieldError] = (),
        *,
        code: int = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, self.default_reason, self.default_status)
        self.errors: list[FieldError] = list(errors)
        self.code = code
        self.retry_after = retry_after


class NotFound(KubeError):
    """There is no such object, or no such kind."""

    default_reason = "kubernetes-not-found"
    default_status = 404


class AlreadyExists(KubeError):
    """An object of that name exists."""

    default_reason = "kubernetes-exists"
    default_status = 409


class Conflict(KubeError):
    """Somebody else changed the object meanwhile, or owns one of its fields."""

    default_reason = "kubernetes-conflict"
    default_status = 409


class Forbidden(KubeError):
    """RBAC, a quota or an admission policy says no."""

    default_reason = "kubernetes-forbidden"
    default_status = 403


class Unauthorized(KubeError):
    """The API server does not know our credentials."""

    default_reason = "kubernetes-unauthorized"
    default_status = 503


class Invalid(KubeError):
    """The object is wrong in itself; ``errors`` names its fields."""

    default_reason = "kubernetes-invalid"
    default_status = 422


class Gone(KubeError):
    """The resource version asked for is too old."""

    default_reason = "kubernetes-gone"
    default_status = 410


class TooMany(KubeError):
    """The API server asks for patience."""

    default_reason = "kubernetes-busy"
    default_status = 429


class Unreachable(KubeError):
    """The API server did not answer, or says that it cannot serve now."""

    default_reason = "kubernetes-unreachable"
    default_status = 503


_CLASSES: Mapping[int, type[KubeError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooMany,
    502: Unreachable,
    503: Unreachable,
    504: Unreachable,
}

# A server-side apply that does not fit the schema is answered with 500 and without a reason (1.35).
_SCHEMA = re.compile(r"failed to create typed patch object \([^)]*\): (?P<misfits>.*)", re.DOTALL)
_MISFIT = re.compile(r"""^\s*(?P<path>\.(?:"[^"]*"|[^:"])*): (?P<what>.*)$""", re.MULTILINE)
_CONVERT = re.compile(r"failed to convert new object \([^)]*\) .*: (?P<what>[^:]*)", re.DOTALL)
_RBAC = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)" in API group "[^"]*"'
    r'(?P<scope> at the cluster scope)?(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied request: (?P<rest>.*)", re.DOTALL
)
#: Policies of our own (share/policies) name the fields first: "spec.hostPID: true is not allowed."
_OUR_POLICY = re.compile(
    r"ValidatingAdmissionPolicy 'karvdash-[^']*' with binding '[^']*' denied request: "
    r"(?P<fields>[^\s:,]+(?:, [^\s:,]+)*): (?P<rest>.*)",
    re.DOTALL,
)
_WEBHOOK = re.compile(r'admission webhook "(?P<hook>[^"]*)" denied the request: (?P<rest>.*)', re.DOTALL)
_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]+)"')
_INVALID_VALUE = re.compile(r"(Invalid|Unsupported|Duplicate) value: .*", re.DOTALL)
_GOT = re.compile(r"expected (?P<wanted>[a-z]+)(?: \([^)]*\))?, got .*", re.DOTALL)
_WORDS = {"map": "an object with fields", "list": "a list", "numeric": "a number", "string": "a string"}
_VERBS = {"patch": "create or change", "update": "change"}


def from_status(
    code: int,
    status: Mapping[str, Any],
    *,
    as_user: str | None = None,
    what: str = "",
    retry_after: float | None = None,
) -> KubeError:
    """Turn a failed answer into an error.

    Args:
        code: HTTP status, decides the class.
        status: the ``Status`` in the body, ``{}`` when the body was none.
        as_user: on whose behalf the request was made; None for the Hub itself.
        what: the object that the request was about ("Deployment web"); values of a Secret are never shown.
        retry_after: seconds, from the header.
    """
    text = str(status.get("message") or "")
    cls = _CLASSES.get(code, KubeError)
    if status.get("reason") == "AlreadyExists":
        cls = AlreadyExists
    if _SCHEMA.match(text) or _CONVERT.match(text):
        cls = Invalid
    errors = _fields(text, status, secret=what.startswith("Secret"))
    message = _join(errors) if errors else _shorten(_sentence(text, as_user, code))
    return cls(f"{what}: {message}" if what else message, errors, code=code, retry_after=retry_after)


def unreachable(server: str, cause: BaseException) -> Unreachable:
    """Say that the API server did not answer, and why."""
    return Unreachable(
        f"The Kubernetes API server at {server} cannot be reached: {_why(cause)}. Try again in a minute."
    )


def schema_paths(error: KubeError) -> list[str]:
    """Return the fields that do not fit the schema, as server-side apply writes them."""
    return [found.field for found in error.errors if found.field.startswith(".")]


def _why(cause: BaseException) -> str:
    if isinstance(cause, TimeoutError):
        return "it did not answer in time"
    # aiohttp wraps what has happened in an error whose text shows Python objects.
    root = getattr(cause, "certificate_error", None) or getattr(cause, "os_error", None) or cause
    if isinstance(root, ssl.SSLError):
        return f"TLS: {getattr(root, 'verify_message', '') or root.reason or root}"
    if isinstance(root, OSError) and root.errno:
        return os.strerror(root.errno).lower()
    return str(root) or type(root).__name__


def _fields(text: str, status: Mapping[str, Any], *, secret: bool) -> list[FieldError]:
    if schema := _SCHEMA.match(text):
        # The paths are the patch's own (".spec.ports[port=80]"): whoever has the manifest counts the items.
        misfits = _MISFIT.finditer(schema["misfits"])
        return [FieldError(None, m["path"], _schema_sentence(m["what"], secret)) for m in misfits]
    if unknown := _UNKNOWN_FIELD.findall(text):
        return [FieldError(None, path, "there is no such field.") for path in unknown]
    if ours := _OUR_POLICY.search(text):
        return [FieldError(None, field, _shorten(ours["rest"])) for field in ours["fields"].split(", ")]
    causes = (status.get("details") or {}).get("causes") or []
    return [
        FieldError(None, str(cause["field"]), _cause_sentence(str(cause.get("message") or ""), secret))
        for cause in causes
        if cause.get("field")
    ]


def _schema_sentence(text: str, secret: bool) -> str:
    if text == "field not declared in schema":
        return "there is no such field."
    if got := _GOT.match(text):
        return f"must be {_WORDS.get(got['wanted'], got['wanted'])}."
    return "cannot be used." if secret else _shorten(text)


def _cause_sentence(text: str, secret: bool) -> str:
    if secret and (found := _INVALID_VALUE.match(text)):
        return f"{found[1]} value."
    return _shorten(text)


def _sentence(text: str, as_user: str | None, code: int) -> str:
    """Drop what a person need not read: identities, policy names, Go's words."""
    if converted := _CONVERT.match(text):
        return f"{converted['what'].strip().capitalize()}."
    _, forbidden, rest = text.partition(" is forbidden: ")
    rest = rest if forbidden else text
    if rbac := _RBAC.search(rest):
        return _rbac_sentence(rbac, as_user)
    for pattern in (_POLICY, _WEBHOOK):
        if denied := pattern.search(rest):
            rest = denied["rest"]
    if code == 401:
        return "The API server does not accept the Hub's credentials."
    if refusals.OUR_WEBHOOK_SILENT in rest:
        return f"{refusals.OUR_WEBHOOK_AWAY} Try again in a minute."
    return rest[:1].upper() + rest[1:] if rest else f"The API server answered {code}."


def _rbac_sentence(found: re.Match[str], as_user: str | None) -> str:
    verb, resource = found["verb"], found["resource"]
    if found["user"] != as_user:
        place = f' in namespace "{found["namespace"]}"' if found["namespace"] else ""
        return (
            f"The Hub ({found['user']}) may not {verb} {resource}{place}. "
            "Are its ClusterRole and the namespace's role bindings installed?"
        )
    if found["scope"]:
        return (
            "you may not create cluster-wide objects."
            if verb in ("create", "patch", "update")
            else f"you may not {verb} {resource}, which are cluster-wide."
        )
    return f'you may not {_VERBS.get(verb, verb)} {resource} in namespace "{found["namespace"]}".'


def _join(errors: Sequence[FieldError]) -> str:
    return " ".join(str(error) for error in errors)


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
