"""`/v1/events` and its stream of server-sent events."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from selfinspect.events.query import Query, select
from selfinspect.web.answers import json_answer
from selfinspect.web.drill import as_json
from selfinspect.web.parameters import moment, number, single

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from selfinspect.events.journal import Journal, Page
    from selfinspect.events.subscribers import Subscribers
    from selfinspect.model import Event, Json
    from selfinspect.web.service import Service

MAX_LIMIT = 1000
_KEEP_ALIVE_SECONDS = 15.0


def routes(service: Service) -> list[Route]:
    """The list and the stream."""

    async def events(request: Request) -> Response:
        asked = request.query_params
        limit = number(asked, "limit", default=100, largest=MAX_LIMIT)
        cursor = single(asked, "after")
        held = service.journal.after(cursor)
        page = select(held, _query(asked), limit)
        gap = [gap_document(cursor, held)] if held.gap else []
        return json_answer({"events": [*gap, *map(asdict, page.events)], "next": page.next})

    async def stream(request: Request) -> Response:
        cursor = request.headers.get("last-event-id") or single(request.query_params, "after")
        service.journal.after(cursor, 0)
        body = _nothing()
        if request.method == "GET":
            frames = event_frames(service.journal, service.subscribers, cursor)
            body = _chain(await anext(frames), frames)
        return StreamingResponse(
            body,
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    return [Route("/v1/events", events), Route("/v1/events/stream", stream)]


async def event_frames(
    journal: Journal,
    subscribers: Subscribers,
    cursor: str | None,
    keep_alive: float = _KEEP_ALIVE_SECONDS,
) -> AsyncGenerator[bytes, None]:
    """The frames of one stream: what follows the cursor, then each event as it comes.

    Without a cursor it begins with the next event. A subscriber that falls too far behind is
    told so in a comment and let go; its last event's id brings the rest.

    Args:
        journal: the events held.
        subscribers: who brings the events to come.
        cursor: of the last event that the reader has.
        keep_alive: seconds without an event after which a comment is sent.

    Raises:
        TooManyStreamsError: before the first frame.
    """
    with subscribers.subscription() as subscription:
        yield b": selfinspect events\n\n"
        sent = 0
        if cursor is not None:
            page = journal.after(cursor)
            if page.gap:
                yield frame("gap", gap_document(cursor, page))
            for event in page.events:
                yield event_frame(event)
                sent = event.seq
        async for live in subscription.events(keep_alive):
            if live is None:
                yield b":\n\n"
            elif live.seq > sent:
                yield event_frame(live)
        if subscription.overflowed:
            yield b": too slow; resume with Last-Event-ID\n\n"


def gap_document(cursor: str | None, page: Page) -> Json:
    """What says that events between a cursor and the first one held may be missing."""
    first = page.events[0].cursor if page.events else page.next
    attributes: Json = {"from": cursor, "to": first, "reason": "journal"}
    return {"type": "agent", "action": "gap", "attributes": attributes}


def event_frame(event: Event) -> bytes:
    """An event as a frame: its cursor as id, its action as event."""
    return b"id: %s\n%s" % (event.cursor.encode(), frame(event.action, asdict(event)))


def frame(name: str, document: Json) -> bytes:
    """A frame of the event stream format; JSON has no line break of its own."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), as_json(document))


async def _chain(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for piece in rest:
        yield piece


async def _nothing() -> AsyncIterator[bytes]:
    none: tuple[bytes, ...] = ()
    for piece in none:
        yield piece


def _query(asked: QueryParams) -> Query:
    now = time.time_ns()
    return Query(
        since=moment(asked, "since", now),
        until=moment(asked, "until", now),
        type=single(asked, "type"),
        action=single(asked, "action"),
    )
