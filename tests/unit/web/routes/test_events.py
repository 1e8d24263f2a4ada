"""`/v1/events` and the frames of its stream."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from selfinspect.errors import TooManyStreamsError
from selfinspect.events.subscribers import Subscribers
from selfinspect.journal.journal import Journal
from selfinspect.web.routes.events import event_frames

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from selfinspect.model import Json
    from tests.unit.web.conftest import Ask, Reply, World


def page(reply: Reply) -> tuple[list[dict[str, Json]], str]:
    """The events of an answer, and the cursor to go on from."""
    document = reply.json
    assert isinstance(document, dict)
    events, following = document["events"], document["next"]
    assert isinstance(events, list)
    assert isinstance(following, str)
    return [event for event in events if isinstance(event, dict)], following


def actions(reply: Reply) -> list[Json]:
    """The actions of the events of an answer."""
    return [event["action"] for event in page(reply)[0]]


def test_an_event_has_every_member(world: World, ask: Ask) -> None:
    """The members are those of the contract; what is unknown is null."""
    world.happens("start", second=1)
    [event], following = page(ask("/v1/events"))
    cursor = event["cursor"]
    assert following == cursor
    assert event == {
        "cursor": cursor,
        "seq": 1,
        "run": 1,
        "time": "1970-01-01T00:00:01.000000000Z",
        "type": "container",
        "action": "start",
        "actor": {"id": "a1b2c3d4" * 8, "name": "app"},
        "attributes": {},
        "source": "live",
    }


def test_pages_follow_each_other(world: World, ask: Ask) -> None:
    """`next` leads on, without gap or repeat, and stays where there is nothing more."""
    for second in range(5):
        world.happens(f"a{second}", second=second)
    seen, target = [], "/v1/events?limit=2"
    for _ in range(4):
        reply = ask(target)
        seen.append(actions(reply))
        target = f"/v1/events?limit=2&after={page(reply)[1]}"
    assert seen == [["a0", "a1"], ["a2", "a3"], ["a4"], []]


def test_a_hundred_events_are_the_usual_page(world: World, ask: Ask) -> None:
    """Without a limit there are at most a hundred."""
    for number in range(120):
        world.happens(f"a{number}")
    assert len(actions(ask("/v1/events"))) == 100
    assert len(actions(ask("/v1/events?limit=1000"))) == 120


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=network", ["connect"]),
        ("action=die", ["die"]),
        ("type=network&action=die", []),
        ("since=2", ["connect", "start"]),
        ("until=2", ["die", "connect"]),
        ("since=1970-01-01T00:00:02Z&until=2.5", ["connect"]),
        ("since=1s", []),
        ("until=1s&limit=1", ["die"]),
        ("since=3&unknown=1&unknown=2", ["start"]),
    ],
)
def test_events_are_chosen_by_type_action_and_time(
    world: World, ask: Ask, query: str, expected: list[str]
) -> None:
    """Bounds of time are inclusive, conditions are all to be met, and unknown ones ignored."""
    world.happens("die", second=1)
    world.happens("connect", type_="network", second=2)
    world.happens("start", second=3)
    assert actions(ask(f"/v1/events?{query}")) == expected


def test_going_on_passes_what_was_not_chosen(world: World, ask: Ask) -> None:
    """`next` of a page that ends the journal lies behind what did not match."""
    world.happens("start", second=1)
    world.happens("exec_start", second=2)
    reply = ask("/v1/events?action=start")
    assert actions(reply) == ["start"]
    assert actions(ask(f"/v1/events?after={page(reply)[1]}")) == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=",
        "limit=1&limit=1",
        "type=a&type=b",
        "action=a&action=a",
        "after=x",
        "after=",
        "after=a-1&after=a-1",
        "since=yesterday",
        "since=1&since=1",
        "until=",
    ],
)
def test_a_bad_parameter_is_400(ask: Ask, query: str) -> None:
    """What is out of range, unreadable or given twice is refused by name."""
    problem = ask(f"/v1/events?{query}").problem
    assert problem["type"] == "urn:selfinspect:problem:bad-request"


def test_a_strangers_cursor_yields_a_gap_and_all_there_is(world: World, ask: Ask) -> None:
    """After another journal's cursor something may be missing."""
    world.happens("start")
    gap, event = page(ask("/v1/events?after=beef-7"))[0]
    assert gap == {
        "type": "agent",
        "action": "gap",
        "attributes": {"from": "beef-7", "to": event["cursor"], "reason": "journal"},
    }
    assert event["action"] == "start"


@pytest.mark.parametrize("target", ["?after=junk", "?after=a-1&after=a-1"])
def test_a_stream_with_a_bad_cursor_does_not_begin(ask: Ask, target: str) -> None:
    """The stream answers 400 before its first frame."""
    assert ask(f"/v1/events/stream{target}").status == 400


def test_head_of_a_stream_ends(world: World, ask: Ask) -> None:
    """HEAD shows the headers and keeps no place among the subscribers."""
    reply = ask("/v1/events/stream", method="HEAD")
    assert (reply.status, reply.body, len(world.subscribers)) == (200, b"", 0)
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert "content-length" not in reply.headers
    world.subscribers = Subscribers(0)
    assert ask("/v1/events/stream", method="HEAD").status == 503


def test_a_full_house_is_503(world: World, ask: Ask) -> None:
    """One stream too many gets a problem that says when to retry."""
    world.subscribers = Subscribers(0)
    reply = ask("/v1/events/stream")
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert reply.problem["type"] == "urn:selfinspect:problem:too-many-streams"


async def each(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Frame by frame what comes in pieces of one or more."""
    async for piece in pieces:
        for frame in piece.split(b"\n\n")[:-1]:
            yield frame


async def first(pieces: AsyncIterator[bytes], count: int) -> list[bytes]:
    """So many frames."""
    frames = each(pieces)
    return [await anext(frames) for _ in range(count)]


def test_a_frame_is_id_event_and_data(world: World) -> None:
    """The id is the cursor, the event the action, the data the event as JSON on one line."""
    world.happens("start")

    async def stream() -> list[bytes]:
        async with aclosing(event_frames(world.journal, world.subscribers, "beef-1")) as frames:
            return await first(frames, 3)

    greeting, gap, start = asyncio.run(stream())
    assert greeting.startswith(b":")
    assert gap.startswith(b"event: gap\ndata: {")
    name, event, data, *end = start.decode().split("\n")
    document = json.loads(data.removeprefix("data: "))
    assert (name, event, end) == (f"id: {document['cursor']}", "event: start", [])


def test_a_stream_resumes_without_gap_or_repeat(world: World) -> None:
    """After a cursor comes the rest, then what happens, each event once.

    An event may be in the journal and still be on its way to the subscribers.
    """

    async def stream() -> list[bytes]:
        world.happens("a")
        world.happens("b")
        cursor, late = (event.cursor for event in world.journal.after(None).events)
        async with aclosing(event_frames(world.journal, world.subscribers, cursor)) as pieces:
            frames = each(pieces)
            greeting = await anext(frames)
            [_, event] = world.journal.after(None).events
            world.subscribers.publish(event)
            world.happens("c")
            got = [await anext(frames), await anext(frames)]
            world.subscribers.publish(world.journal.after(late).events[0])
            world.happens("d", second=1)
            world.subscribers.publish(world.journal.after(None).events[-1])
            return [greeting, *got, await anext(frames)]

    _, *frames = asyncio.run(stream())
    assert [frame.split(b"\n")[1] for frame in frames] == [b"event: b", b"event: c", b"event: d"]


def test_a_cursor_of_now_repeats_nothing(world: World) -> None:
    """An event that the reader has already may still be on its way to the subscribers."""

    async def stream() -> bytes:
        world.happens("old")
        [old] = world.journal.after(None).events
        frames = event_frames(world.journal, world.subscribers, old.cursor)
        async with aclosing(frames):
            await anext(frames)
            world.subscribers.publish(old)
            world.happens("new", second=1)
            world.subscribers.publish(world.journal.after(old.cursor).events[0])
            return await anext(frames)

    assert b"event: new" in asyncio.run(stream())


def test_a_long_past_comes_in_pieces(world: World) -> None:
    """Thousands of events are never held at once, and what happens meanwhile comes once."""
    world.journal = Journal(10_000)
    for second in range(1, 1051):
        world.happens("a", second=second)

    async def stream() -> list[bytes]:
        cursor = world.journal.after(None, 1).next
        frames = event_frames(world.journal, world.subscribers, cursor)
        async with aclosing(frames):
            await anext(frames)
            pieces = [await anext(frames)]
            world.happens("b")
            world.subscribers.publish(world.journal.after(None).events[-1])
            world.subscribers.end()
            return [*pieces, *[piece async for piece in frames]]

    pieces = asyncio.run(stream())
    assert max(piece.count(b"\nid: ") for piece in pieces) < 200
    seqs = [json.loads(data)["seq"] for data in re.findall(rb"data: (.*)", b"".join(pieces))]
    assert seqs == list(range(2, 1052))


def test_what_is_dropped_while_it_is_read_is_a_gap(world: World) -> None:
    """A reader too slow for the journal gets a gap where events are missing."""
    world.journal = Journal(300)
    for second in range(1, 301):
        world.happens("a", second=second)

    async def stream() -> list[bytes]:
        cursor = world.journal.after(None, 1).next
        async with aclosing(event_frames(world.journal, world.subscribers, cursor)) as pieces:
            frames = each(pieces)
            got = [await anext(frames) for _ in range(100)]
            for number in range(250):
                world.happens(f"b{number}")
            world.subscribers.end()
            return got + [frame async for frame in frames]

    names = [re.search(rb"event: (.)", frame) for frame in asyncio.run(stream())]
    read = b"".join(name[1] for name in names if name)
    assert re.fullmatch(b"a{99,199}ga*b{250}", read)
    assert read.index(b"b") - read.index(b"g") == 51


def test_a_stream_without_a_cursor_begins_now(world: World) -> None:
    """What happened before is not sent."""
    world.happens("old")

    async def stream() -> bytes:
        async with aclosing(event_frames(world.journal, world.subscribers, None)) as frames:
            await anext(frames)
            world.happens("new", second=1)
            world.subscribers.publish(world.journal.after(None).events[-1])
            return await anext(frames)

    assert b"event: new" in asyncio.run(stream())


def test_a_quiet_stream_is_kept_alive(world: World) -> None:
    """After so many seconds without an event there is a comment."""

    async def stream() -> list[bytes]:
        frames = event_frames(world.journal, world.subscribers, None, keep_alive=0.001)
        async with aclosing(frames):
            return await first(frames, 3)

    assert asyncio.run(stream())[1:] == [b":", b":"]


def test_a_stream_ends_with_the_agent(world: World) -> None:
    """Ended subscriptions end their streams, and leave their places."""

    async def stream() -> list[bytes]:
        frames = event_frames(world.journal, world.subscribers, None)
        await anext(frames)
        assert len(world.subscribers) == 1
        world.subscribers.end()
        return [frame async for frame in frames]

    assert asyncio.run(stream()) == []
    assert len(world.subscribers) == 0


def test_who_is_too_slow_is_let_go(world: World) -> None:
    """The queue is bounded; what was queued is sent, then a comment says how to go on."""

    async def stream() -> list[bytes]:
        frames = event_frames(world.journal, world.subscribers, None)
        await anext(frames)
        for number in range(300):
            world.happens(f"a{number}")
            world.subscribers.publish(world.journal.after(None).events[-1])
            await asyncio.sleep(0)
        return [frame async for frame in frames]

    *events, last = asyncio.run(stream())
    assert len(events) == 256
    assert last.startswith(b": too slow")


def test_so_many_streams_and_no_more() -> None:
    """256 is the usual limit, and one that ends makes room."""

    async def open_up() -> None:
        journal, subscribers = Journal(1), Subscribers()
        streams = [event_frames(journal, subscribers, None) for _ in range(257)]
        for stream in streams[:256]:
            await anext(stream)
        with pytest.raises(TooManyStreamsError):
            await anext(streams[256])
        await streams[0].aclose()
        await anext(event_frames(journal, subscribers, None))

    asyncio.run(open_up())
