"""Answers without an end, the frames of server-sent events, and blocking calls in threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import Response, StreamingResponse

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
    """A frame of the event stream format; JSON has no line break of its own."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), as_json(document))


async def in_thread(call: Callable[[], _Result], *, or_here: bool = False) -> _Result:
    """The result of a blocking call, made in a thread of its own.

    A daemon thread, unlike those of `asyncio.to_thread`: a slow engine does not hold up the
    agent's stop.

    Args:
        call: may block.
        or_here: where no thread can be started, because the container has as many tasks as it may
            have, make the call anyway and block the event loop.

    Raises:
        RuntimeError: no thread can be started.
    """
    future: Future[_Result] = Future()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            future.set_exception(error)
        else:
            future.set_result(result)

    try:
        beside(work)
    except RuntimeError:
        if not or_here:
            raise
        work()
    return await asyncio.wrap_future(future)


def beside(call: Callable[[], None]) -> None:
    """Make a call in a daemon thread of its own, and do not wait for it."""
    threading.Thread(target=call, name="request", daemon=True).start()
