"""`/v1/stats`: the container's resources, once, raw, or as server-sent events."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from selfinspect.documents import engine_missing, refused
from selfinspect.errors import BadRequestError, EngineUnreachableError
from selfinspect.web.answers import json_answer
from selfinspect.web.drill import as_json
from selfinspect.web.feed import Feed
from selfinspect.web.parameters import seconds, single
from selfinspect.web.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from selfinspect.model import Json, Sample, StatsSource
    from selfinspect.web.service import Service

_SHORTEST, _LONGEST = 0.2, 60.0
_KEEP_ALIVE_SECONDS = 15.0
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def routes(service: Service) -> list[Route]:
    """The three; reading may take the engine a second, so a thread does it."""
    feed = Feed(lambda: service.sample(None), service.subscribers)

    async def stats(request: Request) -> Response:
        source = _source(request.query_params)
        _known(service)
        sample = await in_thread(lambda: service.sample(source))
        if sample is None:
            raise EngineUnreachableError(
                "there are no figures now", hint="a container that does not run has none"
            )
        return json_answer(sample_document(sample))

    async def raw(request: Request) -> Response:  # noqa: ARG001
        _known(service)
        snapshot = service.snapshot()
        if snapshot.engine is None:
            raise engine_missing(snapshot)
        return json_answer(await in_thread(service.raw_stats))

    async def stream(request: Request) -> Response:
        interval = seconds(
            request.query_params, "interval", default=1.0, smallest=_SHORTEST, largest=_LONGEST
        )
        _known(service)
        if request.method != "GET":
            return Response(media_type="text/event-stream", headers=_HEADERS)
        frames = sample_frames(feed, interval)
        first = await anext(frames)
        return StreamingResponse(
            _after(first, frames), media_type="text/event-stream", headers=_HEADERS
        )

    return [
        Route("/v1/stats", stats),
        Route("/v1/stats/raw", raw),
        Route("/v1/stats/stream", stream),
    ]


async def sample_frames(
    feed: Feed, interval: float, keep_alive: float = _KEEP_ALIVE_SECONDS
) -> AsyncGenerator[bytes, None]:
    """The frames of one stream: a sample at once, and one every interval.

    While there are no figures there is nothing but comments.

    Args:
        feed: takes the samples.
        interval: seconds between two.
        keep_alive: seconds without a sample after which a comment is sent.

    Raises:
        TooManyStreamsError: before the first frame.
    """
    with feed.listener(interval) as listener:
        yield b": selfinspect stats\n\n"
        async for sample in listener.samples(keep_alive):
            yield b":\n\n" if sample is None else sample_frame(sample)


def sample_frame(sample: Sample) -> bytes:
    """A sample as a frame of the event stream format; JSON has no line break of its own."""
    return b"event: sample\ndata: %s\n\n" % as_json(sample_document(sample))


def sample_document(sample: Sample) -> Json:
    """A sample as `/v1/stats` shows it, without what only the metrics carry."""
    document = asdict(sample)
    del document["detail"]
    return document


def _known(service: Service) -> None:
    snapshot = service.snapshot()
    if snapshot.self is None:
        raise refused(snapshot)


def _source(query: QueryParams) -> StatsSource | None:
    text = single(query, "source")
    if text in (None, "engine", "kernel"):
        return cast("StatsSource | None", text)
    raise BadRequestError(f"source {text!r} is not possible", hint="source takes engine or kernel")


async def _after(head: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield head
    async for piece in rest:
        yield piece
