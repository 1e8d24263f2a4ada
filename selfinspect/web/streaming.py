"""Answers that have no end, and the frames of server-sent events."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from selfinspect.web.drill import as_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.requests import Request

    from selfinspect.model import Json

FRAMES = "text/event-stream"
KEEP_ALIVE_SECONDS = 15.0
"""How long a stream of frames says nothing: a proxy cuts what is idle for longer."""

NOTHING_NEW = b":\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


async def streamed(
    request: Request,
    pieces: AsyncGenerator[bytes, None],
    media_type: str = FRAMES,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The pieces as they come; for HEAD they end where they begin.

    Their length is not known, nor said.

    Args:
        request: asks for them.
        pieces: what goes wrong before the first is an answer of its own.
        media_type: of all of them together.
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


def frame(name: str, document: Json) -> bytes:
    """A frame of the event stream format; JSON has no line break of its own."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), as_json(document))


async def _from(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        if first:
            yield first
        async for piece in rest:
            yield piece
