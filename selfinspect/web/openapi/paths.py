"""Every path of the API: what it takes and what it answers. A new path is a row in `paths`."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from selfinspect import model
from selfinspect.documents import ENGINE_MEMBERS
from selfinspect.engine.inspect.listings import ARGUMENTS, LONGEST_ARGUMENTS
from selfinspect.web.openapi import TEXT, TIME, Schemas, array, nullable, strict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json

REFUSALS = {
    400: "A parameter or the path cannot be parsed.",
    401: "The agent requires a token, and the request has none or a wrong one.",
    403: "Forbidden by the guard, by the engine, or by a proxy before the engine.",
    404: "Not found; the detail lists what exists.",
    421: "The Host header names another host.",
    503: "Not now: no identity, no engine, or too many streams.",
}
"""The statuses with which any path may refuse."""

_STRING, _INTEGER = nullable(TEXT), nullable({"type": "integer"})
_OBJECT: Json = {"type": "object"}
_ANY_TEXT: dict[str, Json] = {"text/plain": {"schema": TEXT}}
_FRAMES: dict[str, Json] = {"text/event-stream": {"schema": TEXT}}
_ETAG: dict[str, Json] = {"ETag": {"$ref": "#/components/headers/ETag"}}
_VARY: dict[str, Json] = {"Vary": {"schema": TEXT}}
_UNCHANGED: dict[str, Json] = {"304": {"description": "Not modified.", "headers": _ETAG}}
_WAITING = ("wait_for_change", "timeout_sec", "last_etag", "if_none_match")
_TRIED = array(strict({"endpoint": TEXT, "outcome": TEXT}))


def paths(schemas: Schemas) -> dict[str, Json]:
    """The rows, by path.

    Args:
        schemas: takes the schemas of the records that the rows refer to.
    """
    engine = nullable(schemas.of(model.Engine))
    run = schemas.of(model.Run)
    return {
        "/": _get(
            "The page for a person.", {"text/html": {"schema": TEXT}}, ("if_none_match",),
            also=_UNCHANGED, headers=_ETAG,
        ),
        "/page/{file}": _get(
            "The page's own files.",
            {
                kind: {"schema": TEXT}
                for kind in ("text/html", "text/css", "text/javascript", "image/svg+xml")
            },
            ("file", "if_none_match"), also=_UNCHANGED, headers=_ETAG,
        ),
        "/v1/self": _get(
            "What the container knows about itself.", _json(schemas.of(model.Self)), _WAITING,
            also=_UNCHANGED, headers=_ETAG,
        ),
        "/v1/self/{member}": _member("/v1/self"),
        "/v1/identity": _get(
            "Which container this is, the proof, and the evidence that was examined.",
            _object(
                id=_STRING,
                name=_STRING,
                level=nullable({"enum": list(get_args(model.Level))}),
                method=nullable({"enum": list(get_args(model.Method))}),
                reason=_STRING,
                engine=engine,
                candidates=array(schemas.of(model.Candidate)),
                tried=_TRIED,
            ),
        ),
        "/v1/inspect": _get(
            "The engine's own inspect JSON, masked; with its age while the engine is away.",
            _json(_OBJECT), _WAITING, also=_UNCHANGED,
            headers={**_ETAG, "Age": {"description": "Seconds.", "schema": TEXT}},
        ),
        "/v1/inspect/{member}": _member("/v1/inspect"),
        "/v1/stats": _get(
            "A sample of the resources that the container uses.",
            _json(schemas.of(model.Sample, without=("detail",))), ("source",),
        ),
        "/v1/stats/raw": _get("The engine's own stats JSON.", _json(_OBJECT)),
        "/v1/stats/stream": _get("Samples as server-sent events `sample`.", _FRAMES, ("interval",)),
        "/v1/history": _get(
            "Resources used over a day, and the runs of that time, oldest first.",
            _object(
                step_seconds={"type": "integer"},
                fields=array({"enum": list(model.HISTORY_FIELDS)}),
                samples=array(array({"anyOf": [TIME, nullable({"type": "number"})]})),
                runs=array(run),
            ),
            ("since", "until", "step"),
        ),
        "/v1/events": _get(
            "What happened to the container, in order of arrival.",
            _object(events=array({"anyOf": [schemas.of(model.Event), _gap()]}), next=TEXT),
            ("after", "limit", "since", "until", "type", "action"),
        ),
        "/v1/events/stream": _get(
            "The same as it happens, as server-sent events named after the action.",
            _FRAMES, ("after", "last_event_id"),
        ),
        "/v1/runs": _get("The container's runs, newest first.", _object(runs=array(run))),
        "/v1/runs/previous": _get("The last run that has ended.", _json(run)),
        "/v1/top": _get(
            "The container's processes, with the PIDs of the engine's host; with source=kernel,"
            " with those of the container.",
            _json(
                strict(
                    {"titles": array(TEXT), "processes": array(array(TEXT))},
                    optional={
                        "truncated": strict(
                            {},
                            optional={
                                "commands": {"type": "integer"},
                                "processes": {"type": "integer"},
                            },
                        )
                    },
                )
            ),
            ("args", "source"),
        ),
        "/v1/logs": _get(
            "The container's own log, as text, or on request as one JSON document a line.",
            {**_ANY_TEXT, "application/x-ndjson": {"schema": TEXT}},
            ("tail", "since", "until", "follow", "stdout", "stderr"), headers=_VARY,
        ),
        "/v1/changes": _get(
            "How the container's file system differs from its image's.",
            _object(
                changes=array(
                    strict({"path": TEXT, "kind": {"enum": ["modified", "added", "deleted", None]}})
                )
            ),
        ),
        "/v1/image": _get(
            "The container's image, and how it was built.",
            _object(
                reference=_STRING,
                id=_STRING,
                digests=array(TEXT),
                created_at={**TIME, "type": ["string", "null"]},
                size_bytes=_INTEGER,
                architecture=_STRING,
                os=_STRING,
                labels={"type": "object", "additionalProperties": TEXT},
                history=nullable(array(_layer())),
            ),
        ),
        "/v1/engine": _get(
            "The engine, and the limits of our access to it.",
            _object(
                **dict.fromkeys((*ENGINE_MEMBERS, "min_api_version", "os", "kernel"), _STRING),
                encrypted=nullable({"type": "boolean"}),
                reachable={"type": "boolean"},
                capabilities=_capabilities(),
                failure=nullable(schemas.of(model.EngineFailure)),
                tried=_TRIED,
            ),
        ),
        "/healthz": _get("200 while the agent's event loop runs.", _ANY_TEXT),
        "/readyz": _get(
            "200 once identity, a first sample and the journal are there, else 503.",
            _json(readiness()),
            also={"503": {"description": "Not ready.", "content": _json(readiness())}},
        ),
        "/metrics": _get(
            "Prometheus's text format, or OpenMetrics where that is asked for.",
            {**_ANY_TEXT, "application/openmetrics-text": {"schema": TEXT}}, headers=_VARY,
        ),
        "/openapi.json": _get("This document.", _json(_OBJECT)),
    }  # fmt: skip


def parameters() -> dict[str, Json]:
    """The parameters, by the name under which a path refers to them."""
    boolean: Json = {"type": "boolean", "default": False}
    moment: Json = {
        "anyOf": [
            TIME,
            {"type": "string", "pattern": r"^[0-9]{1,11}(\.[0-9]{1,9})?$"},
            {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h)$"},
        ],
        "examples": ["2026-11-21T09:00:00Z", "1795251600", "5m"],
    }
    cursor: Json = {"type": "string", "pattern": "^[0-9a-z]{1,64}-[0-9]{1,18}$"}
    part: Json = {"type": "string", "minLength": 1}
    alone = "Only this one, unless the other is asked for too."
    when = "RFC 3339, Unix seconds, or a duration back from now."
    rows: dict[str, tuple[str, Json, str]] = {
        "member": ("path", part,
            "Names, percent-encoded, or indices of arrays, joined by slashes: ports/8080/tcp."),
        "file": ("path", part, "For example page.css."),
        "wait_for_change": ("query", boolean, "Answer once it changes."),
        "timeout_sec": ("query", {"type": "number", "minimum": 0, "maximum": 300, "default": 60},
            "Seconds to wait at most; then the present value is returned."),
        "last_etag": ("query", TEXT, "The ETag of the last answer; another is returned at once."),
        "If-None-Match": ("header", TEXT, "ETags of earlier answers: 304 if one still matches."),
        "since": ("query", moment, f"Not before this time. {when}"),
        "until": ("query", moment, f"Before this time. {when}"),
        "step": ("query", {"type": "integer", "minimum": 1, "maximum": 86400, "default": 1},
            "One sample for so many seconds, its rates their mean. 1: all samples as taken."),
        "source": ("query", {"enum": ["engine", "kernel"]}, "Who measures, or lists."),
        "interval": ("query", {"type": "number", "minimum": 0.2, "maximum": 60, "default": 1},
            "Seconds between two samples."),
        "after": ("query", cursor, "The cursor of the last event received."),
        "Last-Event-ID": ("header", cursor, "The same, as an EventSource sends it."),
        "limit": ("query", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
            "Events at most."),
        "type": ("query", TEXT, "Only events of this type."),
        "action": ("query", TEXT, "Only events with this action."),
        "args": (
            "query",
            {
                "type": "string",
                "maxLength": LONGEST_ARGUMENTS,
                "pattern": ARGUMENTS,
                "examples": ["-ef", "-eo pid,comm"],
            },
            "Which columns, as arguments of ps; it never lists other containers' processes.",
        ),
        "tail": ("query",
            {"anyOf": [{"const": "all"}, {"type": "integer", "minimum": 0, "maximum": 999999999}]},
            "Only so many of the last lines."),
        "follow": ("query", boolean, "Continue with new lines as they are printed."),
        "stdout": ("query", {"type": "boolean"}, f"Standard output. {alone}"),
        "stderr": ("query", {"type": "boolean"}, f"Standard error. {alone}"),
    }  # fmt: skip
    return {
        name.lower().replace("-", "_"): {
            "name": name,
            "in": place,
            **({"required": True} if place == "path" else {}),
            "description": about,
            "schema": schema,
        }
        for name, (place, schema, about) in rows.items()
    }


def readiness() -> Json:
    """What `/readyz` answers."""
    check = strict({"name": TEXT, "ok": {"type": "boolean"}, "detail": TEXT})
    return strict({"ready": {"type": "boolean"}, "checks": array(check)})


def _member(document: str) -> Json:
    return _get(
        f"One member of {document}: an object or an array as JSON, a single value as text and a"
        " line break, unless JSON is asked for.",
        {"application/json": {"schema": {}}, **_ANY_TEXT},
        ("member", *_WAITING),
        also=_UNCHANGED,
        headers={**_ETAG, **_VARY},
    )


def _gap() -> Json:
    return strict(
        {"type": {"const": "agent"}, "action": {"const": "gap"}, "attributes": _OBJECT},
        description="Marks that events may be missing here.",
    )


def _layer() -> Json:
    created_at: Json = {**TIME, "type": ["string", "null"]}
    return strict({"created_at": created_at, "created_by": _STRING, "size_bytes": _INTEGER})


def _capabilities() -> Json:
    access: Json = {"enum": ["allowed", "denied", "unsupported", "unknown"]}
    return strict(dict.fromkeys((*model.CAPABILITIES, "memory_events"), access))


def _json(schema: Json) -> dict[str, Json]:
    """A JSON body."""
    return {"application/json": {"schema": schema}}


def _object(**members: Json) -> dict[str, Json]:
    """A JSON body that is an object with all of these members."""
    return _json(strict(members))


def _get(
    about: str,
    content: Mapping[str, Json],
    parameters: tuple[str, ...] = (),
    *,
    also: Mapping[str, Json] | None = None,
    headers: Mapping[str, Json] | None = None,
) -> Json:
    """A path's row.

    Args:
        about: one sentence.
        content: the bodies of its 200, by media type.
        parameters: by their names among `parameters()`.
        also: further responses by status.
        headers: of its 200.
    """
    answer: dict[str, Json] = {"description": about, "content": dict(content)}
    if headers:
        answer["headers"] = dict(headers)
    refusals: dict[str, Json] = {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in REFUSALS
    }
    return {
        "get": {
            "summary": about,
            "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in parameters],
            "responses": {"200": answer, **refusals, **(also or {})},
        }
    }
