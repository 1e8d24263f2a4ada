"""`/v1/stats`: the container's resources, once, raw, or as server-sent events."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from starlette.routing import Route

from selfinspect.documents import engine_missing, standing
from selfinspect.errors import BadRequestError, EngineUnreachableError
from selfinspect.web.answers import json_answer
from selfinspect.web.feed import Feed
from selfinspect.web.parameters import seconds, single
from selfinspect.web.streaming import KEEP_ALIVE_SECONDS, NOTHING_NEW, frame, streamed
from selfinspect.web.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.model import Json, Sample, StatsSource
    from selfinspect.web.service import Service

_SHORTEST, _LONGEST = 0.2, 60.0


def routes(service: Service) -> list[Route]:
    """The three; reading may take the engine a second, so a thread does it."""
    feed = Feed(lambda: service.sample(None), service.subscribers)

    async def stats(request: Request) -> Response:
        source = _source(request.query_params)
        standing(service.snapshot())
        sample = await in_thread(lambda: service.sample(source), or_here=True)
        if sample is None:
            raise EngineUnreachableError(
                "there are no figures now", hint="a container that does not run has none"
            )
        return json_answer(sample_document(sample))

    async def raw(request: Request) -> Response:  # noqa: ARG001
        snapshot = service.snapshot()
        standing(snapshot)
        if snapshot.engine is None:
            raise engine_missing(snapshot)
        return json_answer(await in_thread(service.raw_stats))

    async def stream(request: Request) -> Response:
        interval = seconds(
            request.query_params, "interval", default=1.0, smallest=_SHORTEST, largest=_LONGEST
        )
        standing(service.snapshot())
        return await streamed(request, sample_frames(feed, interval))

    return [
        Route("/v1/stats", stats),
        Route("/v1/stats/raw", raw),
        Route("/v1/stats/stream", stream),
    ]


async def sample_frames(
    feed: Feed, interval: float, keep_alive: float = KEEP_ALIVE_SECONDS
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
            yield NOTHING_NEW if sample is None else sample_frame(sample)


def sample_frame(sample: Sample) -> bytes:
    """A sample as a frame."""
    return frame("sample", sample_document(sample))


def sample_document(sample: Sample) -> Json:
    """A sample as `/v1/stats` shows it, without what only the metrics carry."""
    document = asdict(sample)
    del document["detail"]
    return document


def _source(query: QueryParams) -> StatsSource | None:
    text = single(query, "source")
    if text in (None, "engine", "kernel"):
        return cast("StatsSource | None", text)
    raise BadRequestError(f"source {text!r} is not possible", hint="source takes engine or kernel")
