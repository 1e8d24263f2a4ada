"""Everything selfinspect raises on purpose: one root, each error with its data and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

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
"""How asking an endpoint ends where there is no answer; see `engine.outcomes`."""


class SelfinspectError(Exception):
    """Raised when selfinspect cannot do what was asked; the root of every error here.

    Attributes:
        slug: the last part of the problem's `type`, `urn:selfinspect:problem:<slug>`.
        status: the HTTP status of an answer that carries it.
        title: the kind of problem, the same for every occurrence.
        detail: what happened this time.
        hint: what a person can do about it, where something can be done.
    """

    slug: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str, *, hint: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint


class NotAvailable(SelfinspectError):  # noqa: N818 - the name that apps catch
    """Raised when `selfinspect.me` has no answer: no agent, or none that knows its container."""

    slug = "not-available"
    status = 503
    title = "No agent answers"


class BadRequestError(SelfinspectError):
    """Raised when a request's parameter or path cannot be understood."""

    slug = "bad-request"
    status = 400
    title = "The request cannot be understood"


class NotFoundError(SelfinspectError):
    """Raised when a path, a member of a document or a container does not exist.

    Attributes:
        path: what was looked for.
        members: what there is instead, where the parent is an object or an array.
    """

    slug = "not-found"
    status = 404
    title = "There is no such thing here"

    def __init__(
        self,
        detail: str,
        *,
        path: str = "",
        members: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(detail, hint=hint)
        self.path = path
        self.members = tuple(members)


class ForbiddenError(SelfinspectError):
    """Raised when a request came by a way that the guard does not let through."""

    slug = "forbidden"
    status = 403
    title = "This request is not let through"


class UnauthorizedError(SelfinspectError):
    """Raised when a request bears no token, or not one of ours."""

    slug = "unauthorized"
    status = 401
    title = "A token is needed"


class MisdirectedError(SelfinspectError):
    """Raised when a request's Host names somebody else."""

    slug = "misdirected"
    status = 421
    title = "This host is not served here"


class MethodNotAllowedError(SelfinspectError):
    """Raised when a request would do more than read."""

    slug = "method-not-allowed"
    status = 405
    title = "Only GET and HEAD are served"


class TooManyStreamsError(SelfinspectError):
    """Raised when as many streams are open as the agent serves at once."""

    slug = "too-many-streams"
    status = 503
    title = "Too many streams are open"


class JournalBusyError(SelfinspectError):
    """Raised when another agent writes this container's journal."""

    slug = "journal-busy"
    title = "Another agent has the journal"


class IdentityError(SelfinspectError):
    """Raised when it is not known which container this is."""

    slug = "no-identity"
    status = 503
    title = "It is not known which container this is"


class AmbiguousIdentityError(IdentityError):
    """Raised when evidence names more than one container and none could be proven."""

    slug = "ambiguous-identity"
    title = "The evidence names more than one container"


class EngineError(SelfinspectError):
    """Raised when the engine gave no usable answer.

    Attributes:
        endpoint: where the engine was asked, None where there is none.
    """

    slug = "engine-unreachable"
    status = 503
    title = "The engine gives no answer"

    def __init__(
        self, detail: str, *, endpoint: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(detail, hint=hint)
        self.endpoint = endpoint


class EngineUnreachableError(EngineError):
    """Raised when no engine is there, or the one that is does not talk like one.

    Attributes:
        outcome: the same in a word or two, for a list of the places tried.
    """

    def __init__(
        self,
        detail: str,
        *,
        endpoint: str | None = None,
        hint: str | None = None,
        outcome: Outcome = "no engine",
    ) -> None:
        super().__init__(detail, endpoint=endpoint, hint=hint)
        self.outcome: Outcome = outcome


class EngineAnswerError(EngineError):
    """Raised when the engine answered a request with a status that is no success.

    Attributes:
        code: the HTTP status of the engine's answer.
        capability: which of our requests it was, `inspect` for one.
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

    def copy(self, detail: str | None = None) -> Self:
        """The same error without its traceback, or with other words."""
        return type(self)(
            self.detail if detail is None else detail,
            code=self.code,
            capability=self.capability,
            endpoint=self.endpoint,
            hint=self.hint,
        )


class EngineDeniedError(EngineAnswerError):
    """Raised when the engine, or a proxy before it, refused a request (401, 403, 405)."""

    slug = "denied-by-engine"
    status = 403
    title = "The engine or a proxy before it denies this"


class EngineUnsupportedError(EngineAnswerError):
    """Raised when this engine has no such endpoint or cannot serve it (501)."""

    slug = "unsupported-by-engine"
    status = 503
    title = "This engine cannot answer that"


class UnknownContainerError(EngineAnswerError):
    """Raised when the engine does not know a container (404)."""

    slug = "not-found"
    status = 404
    title = "The engine does not know this container"


class UnknownImageError(UnknownContainerError):
    """Raised when the engine does not have a container's image any more (404)."""

    title = "The engine does not have this image"
