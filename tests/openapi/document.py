"""The OpenAPI document, made of the records and of what is said here of each path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import __version__
from tests.openapi.parameters import parameters
from tests.openapi.paths import paths as all_paths
from tests.openapi.problems import PROBLEMS, problem, refusal
from tests.openapi.schemas import TEXT, Schemas

if TYPE_CHECKING:
    from selfinspect.model import Json

ABOUT = """\
What the container that this agent runs in knows about itself. Every path answers GET and HEAD, and
no other method. Unknown is `null`, never 0, and a member is never left out. Times are RFC 3339 in
UTC with nine digits. Errors are problem details (RFC 9457) with a hint; what the HTTP parser itself
refuses is plain text. Values that look like secrets read `[masked]`."""


def document() -> dict[str, Json]:
    """The whole of it."""
    schemas = Schemas()
    paths = dict(all_paths(schemas))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "selfinspect",
            "version": __version__,
            "description": ABOUT.replace("\n", " "),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": problem(), **dict(sorted(schemas.made.items()))},
            "parameters": parameters(),
            "headers": {
                "ETag": {"description": "A hash of what is answered.", "schema": TEXT},
                "RetryAfter": {"description": "Seconds.", "schema": {"type": "string"}},
            },
            "responses": {str(status): refusal(status) for status in PROBLEMS},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Where the agent was given a --token-file.",
                }
            },
        },
    }
