"""Answers without an end, the frames of server-sent events, and blocking calls in threads."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import Response, StreamingResponse

from selfinspect.background import future_of
from selfinspect.documents import as_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from starlette.requests import Request

    from selfinspect.model import Json

_Result = TypeVar("_Result")

FRAMES = "text/event-stream"
KEEP_ALIVE_SECONDS = 15.0
"""A stream of frames is silent for no longer than this, because proxies cut idle connections."""

NOTHING_NEW = b":\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def streamed(
    request: Request,
    pieces: AsyncGenerator[bytes, None],
    media_type: str = FRAMES,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The pieces as they come, without a Content-Length; for HEAD only the headers.

    Args:
        request: asks for them.
        pieces: an error raised before the first one becomes an answer of its own.
        media_type: of the pieces joined.
        headers: further ones.
    """
    every = {**_HEADERS, **(headers or {})}
    first = await anext(pieces)
    if request.method != "GET":
        await pieces.aclose()
        head = Response(media_type=media_type, headers=every)
        del head.headers["content-length"]
        return head
    return StreamingResponse(_from(first, pieces), media_type=media_type, headers=every)


async def _from(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first  # also one that is empty: it brings the headers
        async for piece in rest:
            yield piece


def frame(name: str, document: Json) -> bytes:
    """A frame of the event stream format; JSON has no line break of its own.

    Args:
        name: the event's, in which an engine's line breaks become spaces: one would begin a field.
        document: the data.
    """
    line = " ".join(name.splitlines())
    return b"event: %s\ndata: %s\n\n" % (line.encode(), as_json(document))


async def in_thread(call: Callable[[], _Result], *, or_here: bool = False) -> _Result:
    """The result of a blocking call, made in a thread of its own.

    Unlike one of `asyncio.to_thread` it ends with the agent.

    Args:
        call: may block.
        or_here: where no thread can be started, because the container has as many tasks as it may
            have, make the call anyway and block the event loop.

    Raises:
        RuntimeError: no thread can be started.
    """
    try:
        future = future_of("request", call)
    except RuntimeError:
        if not or_here:
            raise
        return call()
    return await asyncio.wrap_future(future)
