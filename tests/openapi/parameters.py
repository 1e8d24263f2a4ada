"""What stands in a request: in its path, behind the question mark, in its headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.engine.inspect.listings import ARGUMENTS, LONGEST_ARGUMENTS
from tests.openapi.schemas import TEXT, TIME

if TYPE_CHECKING:
    from selfinspect.model import Json


def parameters() -> dict[str, Json]:
    """Each by the name under which a path refers to it."""
    boolean: Json = {"type": "boolean", "default": False}
    moment: Json = {
        "anyOf": [
            TIME,
            {"type": "string", "pattern": r"^[0-9]{1,11}(\.[0-9]{1,9})?$"},
            {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m)$"},
        ],
        "examples": ["2026-11-21T09:00:00Z", "1795251600", "5m"],
    }
    cursor: Json = {"type": "string", "pattern": "^[0-9a-z]{1,64}-[0-9]{1,18}$"}
    alone = "Either is shown alone where it is asked for and the other is not."
    when = "RFC 3339, Unix seconds, or a duration back from now."

    def query(name: str, schema: Json, about: str) -> Json:
        return {"name": name, "in": "query", "description": about, "schema": schema}

    return {
        "member": {
            "name": "member",
            "in": "path",
            "required": True,
            "description": "A member's name, percent-encoded; an array's index. Those of a member"
            " stand behind a further slash: ports/8080/tcp.",
            "schema": {"type": "string", "minLength": 1},
        },
        "file": {
            "name": "file",
            "in": "path",
            "required": True,
            "description": "page.css for one.",
            "schema": {"type": "string", "minLength": 1},
        },
        "wait_for_change": query("wait_for_change", boolean, "Answer when it changes."),
        "timeout_sec": query(
            "timeout_sec",
            {"type": "number", "minimum": 0, "maximum": 300, "default": 60},
            "Seconds to wait at most; then the present value is answered.",
        ),
        "last_etag": query("last_etag", TEXT, "The ETag one has; another is answered at once."),
        "if_none_match": {
            "name": "If-None-Match",
            "in": "header",
            "description": "ETags one has: 304 where it is still one of them.",
            "schema": TEXT,
        },
        "since": query("since", moment, f"From then on. {when}"),
        "until": query("until", moment, f"Before then. {when}"),
        "source": query("source", {"enum": ["engine", "kernel"]}, "Whose figures."),
        "interval": query(
            "interval",
            {"type": "number", "minimum": 0.2, "maximum": 60, "default": 1},
            "Seconds between two samples.",
        ),
        "after": query("after", cursor, "The cursor of the last event one has."),
        "last_event_id": {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The same, as an EventSource sends it.",
            "schema": cursor,
        },
        "limit": query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
            "Events at most.",
        ),
        "type": query("type", TEXT, "Events of this type alone."),
        "action": query("action", TEXT, "Events with this action alone."),
        "args": query(
            "args",
            {
                "type": "string",
                "maxLength": LONGEST_ARGUMENTS,
                "pattern": ARGUMENTS,
                "examples": ["-ef", "-eo pid,comm"],
            },
            "The columns, as ps takes them; the processes are the container's in any case.",
        ),
        "tail": query(
            "tail",
            {"anyOf": [{"const": "all"}, {"type": "integer", "minimum": 0, "maximum": 999999999}]},
            "So many of the last lines.",
        ),
        "follow": query("follow", boolean, "Go on with what is printed next."),
        "stdout": query("stdout", {"type": "boolean"}, f"Standard output. {alone}"),
        "stderr": query("stderr", {"type": "boolean"}, f"Standard error. {alone}"),
    }
