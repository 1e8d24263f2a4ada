"""The OpenAPI document: `python -m selfinspect.web.openapi` in a source tree writes its file.

It is generated from the records and the table of paths. Descriptions come from docstrings, so not
under `python -OO`.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect import __version__, errors
from selfinspect.errors import SelfinspectError
from selfinspect.web.openapi import TEXT, Schemas, strict
from selfinspect.web.openapi.paths import REFUSALS, parameters, paths

if TYPE_CHECKING:
    from selfinspect.model import Json

FILE = Path(__file__).parents[1] / "openapi.json"
_ABOUT = (
    "What the container that this agent runs in can find out about itself. Every path answers GET"
    " and HEAD, and no other method. An unknown value is `null`, never 0, and a member is never"
    " left out. Times are RFC 3339 in UTC with nine digits. Errors are problem details (RFC 9457)"
    " with a hint; a request that the HTTP parser refuses gets plain text. Values that look like"
    " secrets read `[masked]`."
)


def document() -> dict[str, Json]:
    """The whole document."""
    schemas = Schemas()
    all_paths = paths(schemas)  # which makes the schemas that they refer to
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "selfinspect",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": all_paths,
        "components": {
            "schemas": {"Problem": _problem(), **dict(sorted(schemas.made.items()))},
            "parameters": parameters(),
            "headers": {
                "ETag": {"description": "A hash of the answer.", "schema": TEXT},
                "RetryAfter": {"description": "Seconds.", "schema": TEXT},
            },
            "responses": {str(status): _refusal(status) for status in REFUSALS},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Required where the agent runs with --token-file.",
                }
            },
        },
    }


def slugs() -> list[str]:
    """The kinds of problems: the slugs of all errors."""
    waiting: list[type[SelfinspectError]] = [SelfinspectError]
    found = set()
    for kind in waiting:
        waiting += kind.__subclasses__()
        if kind.__module__ == errors.__name__:
            found.add(kind.slug)
    return sorted(found)


def _problem() -> Json:
    """The schema of a problem's body."""
    kinds: list[Json] = [f"urn:selfinspect:problem:{slug}" for slug in slugs()]
    members: dict[str, Json] = {
        "type": {"enum": kinds},
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "hint": TEXT,
    }
    about = "Problem details, RFC 9457, and a hint at what a person can do."
    return strict(members, description=about)


def _refusal(status: int) -> Json:
    """The response with a problem of this status."""
    content: dict[str, Json] = {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    answer: dict[str, Json] = {"description": REFUSALS[status], "content": content}
    if status == HTTPStatus.BAD_REQUEST:
        content["text/plain"] = {"schema": TEXT}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer["headers"] = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
    return answer


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")
