"""Every path: what it takes, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import model
from tests.openapi.problems import PROBLEMS
from tests.openapi.schemas import TEXT, TIME, Schemas, nullable, strict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json


def paths(schemas: Schemas) -> Mapping[str, Json]:
    """All of them; the schemas that they refer to are made on the way."""
    string, integer = nullable(TEXT), nullable({"type": "integer"})
    time: Json = {**TIME, "type": ["string", "null"]}
    text: dict[str, Json] = {"text/plain": {"schema": TEXT}}
    stream: dict[str, Json] = {"text/event-stream": {"schema": TEXT}}
    waiting = ("wait_for_change", "timeout_sec", "last_etag", "if_none_match")
    etag: dict[str, Json] = {"ETag": {"$ref": "#/components/headers/ETag"}}
    layer = strict({"created_at": time, "created_by": string, "size_bytes": integer})
    access: Json = {"enum": ["allowed", "denied", "unsupported", "unknown"]}
    vary: dict[str, Json] = {"Vary": {"schema": TEXT}}
    unchanged: dict[str, Json] = {"304": {"description": "It is what one has.", "headers": etag}}
    sample = schemas.of(model.Sample, without=("detail",))
    engine = nullable(schemas.of(model.Engine))
    tried: Json = array(strict({"endpoint": TEXT, "outcome": TEXT}))
    gap = strict(
        {
            "type": {"const": "agent"},
            "action": {"const": "gap"},
            "attributes": {"type": "object"},
        },
        description="What says that events may be missing here.",
    )

    def member(document: str) -> Json:
        return _get(
            f"One member of {document}: an object or an array as JSON, a single value as text and"
            " a line break, unless JSON is asked for.",
            {"application/json": {"schema": {}}, **text},
            ("member", *waiting),
            also=unchanged,
            headers={**etag, **vary},
        )

    return {
        "/": _get(
            "The page for a person.", {"text/html": {"schema": TEXT}}, ("if_none_match",),
            also=unchanged, headers=etag,
        ),
        "/page/{file}": _get(
            "The page's own files.",
            {
                kind: {"schema": TEXT}
                for kind in ("text/html", "text/css", "text/javascript", "image/svg+xml")
            },
            ("file", "if_none_match"), also=unchanged, headers=etag,
        ),
        "/v1/self": _get(
            "What the container knows about itself.", json(schemas.of(model.Self)), waiting,
            also=unchanged, headers=etag,
        ),
        "/v1/self/{member}": member("/v1/self"),
        "/v1/identity": _get(
            "Which container this is, how that is known, and what was looked at.",
            json(
                strict(
                    {
                        "id": string,
                        "name": string,
                        "level": nullable({"enum": list(model.Level.__args__)}),  # type: ignore[attr-defined]
                        "method": nullable({"enum": list(model.Method.__args__)}),  # type: ignore[attr-defined]
                        "reason": string,
                        "engine": engine,
                        "candidates": array(schemas.of(model.Candidate)),
                        "tried": tried,
                    }
                )
            ),
        ),
        "/v1/inspect": _get(
            "The engine's own inspect JSON, masked; with its age while the engine is away.",
            json({"type": "object"}), waiting, also=unchanged,
            headers={**etag, "Age": {"description": "Seconds.", "schema": TEXT}},
        ),
        "/v1/inspect/{member}": member("/v1/inspect"),
        "/v1/stats": _get("A sample of what the container uses.", json(sample), ("source",)),
        "/v1/stats/raw": _get("The engine's own stats JSON.", json({"type": "object"})),
        "/v1/stats/stream": _get(
            "Samples as server-sent events `sample`.", stream, ("interval",)
        ),
        "/v1/events": _get(
            "What happened to the container, in order of arrival.",
            json(
                strict(
                    {
                        "events": array({"anyOf": [schemas.of(model.Event), gap]}),
                        "next": TEXT,
                    }
                )
            ),
            ("after", "limit", "since", "until", "type", "action"),
        ),
        "/v1/events/stream": _get(
            "The same as it happens, as server-sent events named after the action.",
            stream, ("after", "last_event_id"),
        ),
        "/v1/runs": _get(
            "The container's runs, newest first.",
            json(strict({"runs": array(schemas.of(model.Run))})),
        ),
        "/v1/runs/previous": _get("The last run that is over.", json(schemas.of(model.Run))),
        "/v1/top": _get(
            "The container's processes, as the engine's machine sees them.",
            json(strict({"titles": array(TEXT), "processes": array(array(TEXT))})), ("args",),
        ),
        "/v1/logs": _get(
            "The container's own log, as text, or a JSON document a line where that is asked for.",
            {**text, "application/x-ndjson": {"schema": TEXT}},
            ("tail", "since", "until", "follow", "stdout", "stderr"), headers=vary,
        ),
        "/v1/changes": _get(
            "What differs in the container's file system from its image's.",
            json(
                strict(
                    {
                        "changes": array(
                            strict(
                                {
                                    "path": TEXT,
                                    "kind": {"enum": ["modified", "added", "deleted", None]},
                                }
                            )
                        )
                    }
                )
            ),
        ),
        "/v1/image": _get(
            "The container's image, and how it was made.",
            json(
                strict(
                    {
                        "reference": string,
                        "id": string,
                        "digests": array(TEXT),
                        "created_at": time,
                        "size_bytes": integer,
                        "architecture": string,
                        "os": string,
                        "labels": {"type": "object", "additionalProperties": TEXT},
                        "history": nullable(array(layer)),
                    }
                )
            ),
        ),
        "/v1/engine": _get(
            "The engine, and the limits of our access to it.",
            json(
                strict(
                    {
                        **dict.fromkeys(
                            (
                                "endpoint", "product", "version", "api_version",
                                "min_api_version", "os", "kernel",
                            ),
                            string,
                        ),
                        "encrypted": nullable({"type": "boolean"}),
                        "reachable": {"type": "boolean"},
                        "capabilities": strict(
                            dict.fromkeys((*model.CAPABILITIES, "memory_events"), access)
                        ),
                        "tried": tried,
                    }
                )
            ),
        ),
        "/healthz": _get("200 while the agent turns.", text),
        "/readyz": _get(
            "200 once the identity stands and a first sample is taken, else 503.",
            json(readiness()),
            also={"503": {"description": "Not yet.", "content": json(readiness())}},
        ),
        "/metrics": _get(
            "Prometheus's text format, or OpenMetrics where that is asked for.",
            {**text, "application/openmetrics-text": {"schema": TEXT}},
            headers=vary,
        ),
        "/openapi.json": _get("This document.", json({"type": "object"})),
    }  # fmt: skip


def readiness() -> Json:
    """What `/readyz` answers."""
    check = strict({"name": TEXT, "ok": {"type": "boolean"}, "detail": TEXT})
    return strict({"ready": {"type": "boolean"}, "checks": array(check)})


def array(items: Json) -> Json:
    """Any number of these."""
    return {"type": "array", "items": items}


def json(schema: Json) -> dict[str, Json]:
    """A JSON body."""
    return {"application/json": {"schema": schema}}


def _get(
    about: str,
    content: Mapping[str, Json],
    parameters: tuple[str, ...] = (),
    *,
    also: Mapping[str, Json] | None = None,
    headers: Mapping[str, Json] | None = None,
) -> Json:
    answer: dict[str, Json] = {"description": about, "content": dict(content)}
    if headers:
        answer["headers"] = dict(headers)
    refusals: dict[str, Json] = {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in PROBLEMS
    }
    return {
        "get": {
            "summary": about,
            "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in parameters],
            "responses": {"200": answer, **refusals, **(also or {})},
        }
    }
