"""`/v1/events` and its stream of server-sent events."""

from __future__ import annotations

import time
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

from starlette.routing import Route

from selfinspect.documents import standing
from selfinspect.journal.journal import parse_cursor
from selfinspect.journal.rows import Query
from selfinspect.model import Event
from selfinspect.web.answers import json_answer
from selfinspect.web.parameters import moment, number, single
from selfinspect.web.streaming import KEEP_ALIVE_SECONDS, NOTHING_NEW, frame, in_thread, streamed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.events.subscribers import Subscribers
    from selfinspect.journal.journal import Journal, Page
    from selfinspect.model import Json
    from selfinspect.web.app import Service

MAX_LIMIT = 1000
# Events held that a stream sends at once: as many as fit a connection's buffers.
_PAGE = 100
_MEMBERS = tuple(member.name for member in fields(Event))


def routes(service: Service) -> list[Route]:
    """The list and the stream."""

    async def events(request: Request) -> Response:
        asked = request.query_params
        limit = number(asked, "limit", default=100, largest=MAX_LIMIT)
        cursor, query = single(asked, "after"), _query(asked)
        standing(service.snapshot())

        def answer() -> Response:
            page = service.journal.after(cursor, limit, query)
            gap = [gap_document(cursor, page)] if page.gap else []
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
    """The frames of one stream: pages of what follows the cursor, then each event as it comes.

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
        while cursor is not None:
            page, frames = await in_thread(partial(_held, journal, cursor), or_here=True)
            sent = parse_cursor(page.next).seq
            cursor = page.next if page.events else None
            if frames:
                yield frames
        async for live in subscription.events(keep_alive):
            if live is None:
                yield NOTHING_NEW
            elif live.seq > sent:
                yield event_frame(live)
        if subscription.overflowed:
            yield b": too slow; resume with Last-Event-ID\n\n"


def _held(journal: Journal, cursor: str) -> tuple[Page, bytes]:
    """A page of what follows a cursor, and its frames."""
    page = journal.after(cursor, _PAGE)
    gap = frame("gap", gap_document(cursor, page)) if page.gap else b""
    return page, gap + b"".join(map(event_frame, page.events))


def gap_document(cursor: str | None, page: Page) -> Json:
    """What says that events between a cursor and the first one held may be missing."""
    first = page.events[0].cursor if page.events else page.next
    attributes: Json = {"from": cursor, "to": first, "reason": "journal"}
    return {"type": "agent", "action": "gap", "attributes": attributes}


def event_frame(event: Event) -> bytes:
    """An event as a frame: its cursor as id, its action as event."""
    return b"id: %s\n%s" % (event.cursor.encode(), frame(event.action, _document(event)))


def _document(event: Event) -> Json:
    """An event as JSON; made for each of many readers, so nothing in it is copied."""
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
