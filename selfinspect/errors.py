"""Every error that selfinspect raises on purpose: one root, each with its data and a hint. Pure.

PID 1 and the client load this module, so it imports nothing but `typing`.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self, TypeAlias

Outcome: TypeAlias = Literal[
    "missing",
    "folder",
    "stale",
    "denied",
    "refused",
    "timeout",
    "unknown name",
    "unsupported",
    "no engine",
    "too large",
    "API too old",
    "API too new",
    "TLS wanted",
    "no TLS",
    "TLS failed",
    "wrong name",
    "wrong CA",
    "certificate expired",
    "no certificates",
    "no client certificate",
    "client certificate expired",
    "client certificate refused",
]
"""Why an endpoint gave no answer; `engine.tried` says what follows from each."""


class SelfinspectError(Exception):
    """Raised when selfinspect cannot do what was asked; the root of every error here.

    Attributes:
        slug: the last part of the problem's `type`, `urn:selfinspect:problem:<slug>`.
        status: the HTTP status of the answer.
        title: the kind of problem, the same each time.
        detail: what happened this time.
        hint: what a person can do about it, None where nothing can be done.
    """

    slug: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, hint: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint


class NotAvailable(SelfinspectError):  # noqa: N818 - the name that apps catch
    """Raised when `selfinspect.me` has no answer: no agent, or none that knows its container."""

    slug = "not-available"
    status = 503
    title = "No answer from the agent"


class BadRequestError(SelfinspectError):
    """Raised when a request's parameter or path is not valid."""

    slug = "bad-request"
    status = 400
    title = "Bad request"


class NotFoundError(SelfinspectError):
    """Raised when a path, a member of a document or a container does not exist."""

    slug = "not-found"
    status = 404
    title = "Not found"


class ForbiddenError(SelfinspectError):
    """Raised when the guard refuses a request for the way it came: a proxy, another site."""

    slug = "forbidden"
    status = 403
    title = "Forbidden"


class UnauthorizedError(SelfinspectError):
    """Raised when a request has no token, or a wrong one."""

    slug = "unauthorized"
    status = 401
    title = "A valid token is required"


class MisdirectedError(SelfinspectError):
    """Raised when a request's `Host` is not one of our names."""

    slug = "misdirected"
    status = 421
    title = "Host not allowed"


class MethodNotAllowedError(SelfinspectError):
    """Raised for any method but GET and HEAD."""

    slug = "method-not-allowed"
    status = 405
    title = "Only GET and HEAD are allowed"


class TooManyStreamsError(SelfinspectError):
    """Raised when the agent has no room for another stream."""

    slug = "too-many-streams"
    status = 503
    title = "Too many streams are open"


class JournalBusyError(SelfinspectError):
    """Raised when another agent is writing this container's journal."""

    slug = "journal-busy"
    title = "Another agent is using the journal"


class IdentityError(SelfinspectError):
    """Raised when we cannot say which container this is."""

    slug = "no-identity"
    status = 503
    title = "This container could not be identified"


class AmbiguousIdentityError(IdentityError):
    """Raised when there is evidence, and it does not settle which container this is."""

    slug = "ambiguous-identity"
    title = "The evidence does not settle which container this is"


class EngineError(SelfinspectError):
    """Raised when the engine returned no usable answer.

    Attributes:
        endpoint: where the engine was asked, None where there is no engine.
    """

    slug = "engine-unreachable"
    status = 503
    title = "No answer from the engine"

    def __init__(
        self, detail: str, *, endpoint: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(detail, hint=hint)
        self.endpoint = endpoint


class EngineUnreachableError(EngineError):
    """Raised when no engine listens there, or what listens does not answer like one.

    Attributes:
        outcome: why, in a word or two, for the list of places tried.
        quotes: whether the detail has words of whoever answered.
    """

    def __init__(
        self,
        detail: str,
        *,
        endpoint: str | None = None,
        hint: str | None = None,
        outcome: Outcome = "no engine",
        quotes: bool = False,
    ) -> None:
        super().__init__(detail, endpoint=endpoint, hint=hint)
        self.outcome: Outcome = outcome
        self.quotes = quotes


class EngineAnswerError(EngineError):
    """Raised when the engine answered with an error status.

    Attributes:
        code: the HTTP status of the engine's answer.
        capability: which of our requests it answered, such as `inspect`.
    """

    def __init__(
        self,
        detail: str,
        *,
        code: int,
        capability: str,
        endpoint: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(detail, endpoint=endpoint, hint=hint)
        self.code = code
        self.capability = capability

    def copy(self, **changes: str | None) -> Self:
        """The same error without its traceback, with another `detail` or `hint` where given."""
        given = {"detail": self.detail, "hint": self.hint, **changes}
        return type(self)(
            given["detail"] or "",
            code=self.code,
            capability=self.capability,
            endpoint=self.endpoint,
            hint=given["hint"],
        )


class EngineDeniedError(EngineAnswerError):
    """Raised when the engine, or a proxy in front of it, denied a request (401, 403, 405)."""

    slug = "denied-by-engine"
    status = 403
    title = "The engine, or a proxy in front of it, denied the request"


class EngineUnsupportedError(EngineAnswerError):
    """Raised when this engine has no such endpoint or cannot serve it (501)."""

    slug = "unsupported-by-engine"
    status = 503
    title = "Not supported by this engine"


class UnknownContainerError(EngineAnswerError):
    """Raised when the engine has no such container (404)."""

    slug = "not-found"
    status = 404
    title = "The engine has no such container"


class UnknownImageError(UnknownContainerError):
    """Raised when the engine no longer has a container's image (404)."""

    title = "The engine no longer has this image"
