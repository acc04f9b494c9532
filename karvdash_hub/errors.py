"""Errors that may be shown to a person.

Whatever raises one of these promises that its message names what happened, where, and what to do
about it, and that it holds no secret. Everything else is a defect and is shown as "internal error".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class KarvdashError(Exception):
    """A mistake or outage that may be shown to the person.

    Attributes:
        message: one or more sentences.
        reason: label for metrics and logs, ``[a-z-]+``.
        status: HTTP status code.
    """

    def __init__(self, message: str, reason: str = "error", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.status = status

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class FieldError:
    """One mistake at one place of a file, a form or a manifest.

    Attributes:
        document: index in the file, counted from 0; None when it is about the whole file or a form.
        field: path inside it: ``spec.rules[0].host``, ``variables[2].default``, ``MESSAGE``, or ``""``.
        message: what is wrong and what to do, without the place.
    """

    document: int | None
    field: str
    message: str

    def __str__(self) -> str:
        """Say place and mistake. People count documents from 1."""
        places = [f"document {self.document + 1}"] if self.document is not None else []
        places += [self.field] if self.field else []
        return f"{', '.join(places)}: {self.message}" if places else self.message

    def to_dict(self) -> dict[str, str | int | None]:
        """Return the API's form; ``document`` counts from 0."""
        return {"document": self.document, "field": self.field, "message": self.message}


class _FieldErrors(KarvdashError):
    """Several mistakes, reported together so that nobody repairs them one by one."""

    def __init__(self, headline: str, errors: Iterable[FieldError], reason: str, status: int) -> None:
        self.errors: list[FieldError] = list(errors)
        lines = [headline, *(f"- {error}" for error in self.errors)]
        message = str(self.errors[0]) if len(self.errors) == 1 else "\n".join(lines)
        super().__init__(message, reason, status)


class TemplateInvalid(_FieldErrors):
    """A service template that cannot be used; ``errors`` holds every mistake found."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        super().__init__("The service template has several mistakes:", errors, "template-invalid", 422)


class ValuesInvalid(_FieldErrors):
    """Values that a service template does not accept; ``errors`` holds every mistake found."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        super().__init__("Several values cannot be used:", errors, "values-invalid", 400)


class ManifestsInvalid(_FieldErrors):
    """Objects that cannot be launched although template and values are well-formed, each by itself.

    ``errors`` holds every mistake; ``document`` is the index in the template's file.
    """

    def __init__(self, errors: Iterable[FieldError]) -> None:
        headline = "The objects of this service have several mistakes:"
        super().__init__(headline, errors, "manifests-invalid", 422)


class NotFound(KarvdashError):
    """What was asked for does not exist, or is not the asker's."""

    def __init__(self, message: str, reason: str = "not-found") -> None:
        super().__init__(message, reason, 404)


class Conflict(KarvdashError):
    """The state of things forbids it now, for instance a second instance of a singleton."""

    def __init__(self, message: str, reason: str = "conflict") -> None:
        super().__init__(message, reason, 409)


class Taken(Conflict):
    """A name, host or slug belongs to something else already."""

    def __init__(self, message: str, reason: str = "taken") -> None:
        super().__init__(message, reason)


class Forbidden(KarvdashError):
    """The person is known and may not do this."""

    def __init__(self, message: str, reason: str = "forbidden") -> None:
        super().__init__(message, reason, 403)


class Busy(KarvdashError):
    """Too much at once; the same request may succeed later."""

    def __init__(self, message: str, reason: str = "busy") -> None:
        super().__init__(message, reason, 429)


class Unavailable(KarvdashError):
    """Something that we need does not answer; nothing is wrong with the request."""

    def __init__(self, message: str, reason: str = "unavailable") -> None:
        super().__init__(message, reason, 503)
