"""`/v1/events` and its stream of server-sent events."""

from __future__ import annotations

import time
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

from selfinspect.background import in_thread
from selfinspect.documents import standing
from selfinspect.journal.rows import Query, parse_cursor
from selfinspect.model import Event
from selfinspect.web.answers import (
    KEEP_ALIVE_SECONDS,
    NOTHING_NEW,
    Route,
    frame,
    json_answer,
    streamed,
)
from selfinspect.web.parameters import moment, number, single

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.events.subscribers import Subscribers
    from selfinspect.journal.journal import Journal, Page
    from selfinspect.model import Json
    from selfinspect.web.service import Service

_MAX_LIMIT = 1000
_PAGE = 100  # events of the journal that a stream sends at once: they fit a connection's buffers
_MEMBERS = tuple(member.name for member in fields(Event))


def routes(service: Service) -> list[Route]:
    """The list and the stream."""

    async def events(request: Request) -> Response:
        asked = request.query_params
        limit = number(asked, "limit", default=100, largest=_MAX_LIMIT)
        cursor, query = single(asked, "after"), _query(asked)
        standing(service.snapshot())

        def answer() -> Response:
            page = service.journal.after(cursor, limit, query)
            gap = [_gap(cursor, page)] if page.gap else []
            return json_answer({"events": [*gap, *map(_document, page.events)], "next": page.next})

        return await in_thread(answer, or_here=True)

    async def stream(request: Request) -> Response:
        cursor = request.headers.get("last-event-id") or single(request.query_params, "after")
        if cursor is not None:
            parse_cursor(cursor)
        standing(service.snapshot())
        return await streamed(request, event_frames(service.journal, service.subscribers, cursor))

    return [Route("/v1/events", events), Route("/v1/events/stream", stream)]


async def event_frames(
    journal: Journal,
    subscribers: Subscribers,
    cursor: str | None,
    keep_alive: float = KEEP_ALIVE_SECONDS,
) -> AsyncGenerator[bytes, None]:
    """The frames of one stream: the journal's events after the cursor, then each new one.

    Without a cursor it begins with the next event. A stream that falls too far behind ends with a
    comment; its client resumes with the id of the last event it got.

    Args:
        journal: has the past events.
        subscribers: pass on the new ones.
        cursor: of the last event that the client has.
        keep_alive: seconds without an event after which a comment is sent.

    Raises:
        TooManyStreamsError: before the first frame.
    """
    with subscribers.subscription() as subscription:
        yield b": selfinspect events\n\n"
        sent = 0
        while cursor is not None:
            page, frames = await in_thread(partial(_past, journal, cursor), or_here=True)
            sent = parse_cursor(page.next).seq
            cursor = page.next if page.events else None
            if frames:
                yield frames
        async for live in subscription.events(keep_alive):
            if live is None:
                yield NOTHING_NEW
            elif live.seq > sent:
                yield _event_frame(live)
        if subscription.overflowed:
            yield b": too slow; resume with Last-Event-ID\n\n"


def _past(journal: Journal, cursor: str) -> tuple[Page, bytes]:
    """The next page after a cursor, and its frames."""
    page = journal.after(cursor, _PAGE)
    gap = frame("gap", _gap(cursor, page)) if page.gap else b""
    return page, gap + b"".join(map(_event_frame, page.events))


def _gap(cursor: str | None, page: Page) -> Json:
    """Marks that events between a cursor and the first one returned may be missing."""
    first = page.events[0].cursor if page.events else page.next
    attributes: Json = {"from": cursor, "to": first, "reason": "journal"}
    return {"type": "agent", "action": "gap", "attributes": attributes}


def _event_frame(event: Event) -> bytes:
    """An event as a frame: its cursor as id, its action as event."""
    return b"id: %s\n%s" % (event.cursor.encode(), frame(event.action, _document(event)))


def _document(event: Event) -> Json:
    """An event as JSON, made for each of many clients, so without copying its members."""
    members = {name: getattr(event, name) for name in _MEMBERS}
    return {**members, "actor": {"id": event.actor.id, "name": event.actor.name}}


def _query(asked: QueryParams) -> Query:
    now = time.time_ns()
    return Query(
        since=moment(asked, "since", now),
        until=moment(asked, "until", now),
        type=single(asked, "type"),
        action=single(asked, "action"),
    )
