"""The answers that are problems, RFC 9457."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import errors
from selfinspect.errors import SelfinspectError
from tests.openapi.schemas import TEXT, strict

if TYPE_CHECKING:
    from selfinspect.model import Json

PROBLEMS = {
    400: "A parameter or the path cannot be understood.",
    401: "The agent wants a token, and this is none or another.",
    403: "The guard, or the engine or a proxy before it, denies this.",
    404: "There is no such thing; the detail lists what there is.",
    421: "The Host header names somebody else.",
    503: "Not now: no identity, no engine, or too many streams.",
}


def slugs() -> list[str]:
    """The kinds of problems that there are."""
    waiting: list[type[SelfinspectError]] = [SelfinspectError]
    found = set()
    for kind in waiting:
        waiting += kind.__subclasses__()
        if kind.__module__ == errors.__name__:
            found.add(kind.slug)
    return sorted(found)


def problem() -> Json:
    """The body of each."""
    kinds: list[Json] = [f"urn:selfinspect:problem:{slug}" for slug in slugs()]
    return strict(
        {
            "type": {"enum": kinds},
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "hint": TEXT,
        },
        description="Problem details, RFC 9457, and what a person can do about it.",
    )


def refusal(status: int) -> Json:
    """The answer with a status."""
    content: dict[str, Json] = {
        "application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"},
        }
    }
    answer: dict[str, Json] = {"description": PROBLEMS[status], "content": content}
    if status == 400:
        content["text/plain"] = {"schema": TEXT}
    if status == 503:
        answer["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    return answer
