"""`/v1/logs`: the container's own log, as text or as lines of JSON, so far or as it grows."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import TYPE_CHECKING

from selfinspect.background import in_background, in_thread
from selfinspect.engine.inspect.log import LogQuery, written
from selfinspect.errors import BadRequestError
from selfinspect.web.answers import Route, as_json, prefers, streamed
from selfinspect.web.parameters import boolean, invalid, moment, single

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.engine.inspect.log import Log, LogLine
    from selfinspect.events.subscribers import Subscribers
    from selfinspect.web.service import Service

    Render = Callable[[LogLine], bytes]

_TEXT, _LINES = "text/plain", "application/x-ndjson"
_JSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json")
_TAIL = re.compile(r"\d{1,9}", re.ASCII)


def routes(service: Service) -> list[Route]:
    """The one path. Every open log counts as a stream: it holds a connection to the engine."""

    async def logs(request: Request) -> Response:
        as_lines = prefers(request.headers.get("accept", ""), *_JSON)
        query = _query(request.query_params, timed=as_lines)
        open_log = partial(service.inquiry().log, query)
        pieces = log_pieces(open_log, json_line if as_lines else text_line, service.subscribers)
        return await streamed(request, pieces, _LINES if as_lines else _TEXT, {"vary": "Accept"})

    return [Route("/v1/logs", logs)]


async def log_pieces(
    open_log: Callable[[], Log], render: Render, subscribers: Subscribers
) -> AsyncGenerator[bytes, None]:
    """An empty piece once the log is open, then its lines as they come.

    Each piece is read when the one before is taken, so a slow reader slows the engine down.

    Args:
        open_log: may block, and is called in a thread.
        render: one line.
        subscribers: counts the streams.

    Raises:
        TooManyStreamsError: before the first piece.
        EngineError: before the first piece.
    """
    ending = _Ending()
    with subscribers.place(ending):
        log = await in_thread(open_log)
        try:
            ending.of(log)
            yield b""
            batches = log.batches()
            while batch := await in_thread(partial(_rendered, batches, render)):
                yield batch
        finally:
            log.cancel()
            in_background("request", log.close)


def _rendered(batches: Iterator[list[LogLine]], render: Render) -> bytes:
    """The next batch of lines; empty at the end."""
    return b"".join(map(render, next(batches, ())))


class _Ending:
    """Ends a log, also one that is not open yet."""

    def __init__(self) -> None:
        self._log: Log | None = None
        self._ended = False

    def end(self) -> None:
        self._ended = True
        if self._log is not None:
            self._log.cancel()

    def of(self, log: Log) -> None:
        self._log = log
        if self._ended:
            log.cancel()


def _query(asked: QueryParams, *, timed: bool) -> LogQuery:
    """What the parameters ask for: `stdout=true` or `stderr=false` for stdout alone, and so on.

    Raises:
        BadRequestError: one of them is invalid or repeated, or both outputs are switched off.
    """
    now = time.time_ns()
    stdout, stderr = boolean(asked, "stdout"), boolean(asked, "stderr")
    both = not (stdout or stderr)
    query = LogQuery(
        tail=_tail(asked),
        since=moment(asked, "since", now),
        until=moment(asked, "until", now),
        follow=boolean(asked, "follow"),
        stdout=stdout or (both and "stdout" not in asked),
        stderr=stderr or (both and "stderr" not in asked),
        timed=timed,
    )
    if not (query.stdout or query.stderr):
        raise BadRequestError("stdout and stderr are both false", hint="leave one of them out")
    return query


def _tail(asked: QueryParams) -> int | None:
    text = single(asked, "tail")
    if text is None or text == "all":
        return None
    if not _TAIL.fullmatch(text):
        raise invalid("tail", text, "all, or a number of at most nine digits")
    return int(text)


def text_line(line: LogLine) -> bytes:
    """A line as text."""
    return written(line).encode(errors="backslashreplace") + b"\n"


def json_line(line: LogLine) -> bytes:
    """A line as a JSON document, which has no line break of its own."""
    return as_json(line._asdict()) + b"\n"
