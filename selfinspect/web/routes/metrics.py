"""`/metrics`, for Prometheus."""

from __future__ import annotations

import asyncio
import gzip
import math
import re
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from starlette.responses import Response

from selfinspect.background import in_thread
from selfinspect.web.answers import Route, prefers, quality
from selfinspect.web.guard import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from selfinspect.web.service import Service

_Page: TypeAlias = "tuple[bytes, Mapping[str, str]]"

_OPENMETRICS, _TEXT = "application/openmetrics-text", "text/plain"
_SMALLEST = 1400  # bytes: fewer fit in one packet anyway
_LEVEL = 1
_SECONDS = re.compile(r"\d{1,4}(\.\d{1,9})?", re.ASCII)
_MARGIN = 0.9  # of a scrape's timeout; the rest is for the way
_QUICK = 0.005
"""Seconds for which a thread may hold the event loop up anyway: `sys.getswitchinterval`."""


class Scrape(NamedTuple):
    """What a scrape asks for."""

    media_type: str = _TEXT
    packed: bool = False
    timeout: float | None = None


def routes(service: Service) -> list[Route]:
    """The page at both of its paths."""
    pages = Pages(service)

    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        scrape = Scrape(
            media_type=_OPENMETRICS if prefers(accept, _OPENMETRICS) else _TEXT,
            packed=quality(request.headers.get("accept-encoding", ""), "gzip") > 0,
            timeout=scrape_timeout(request.headers.get("x-prometheus-scrape-timeout-seconds", "")),
        )
        body, headers = await pages.page(scrape)
        return Response(body, headers=headers)

    return [Route(path, metrics, listed=path == METRICS[0]) for path in METRICS]


class Pages:
    """Makes pages: in the event loop's thread while that is quick, else in a thread of their own.

    A thread costs a page a sixth of its time. One is needed where the figures may have to be waited
    for, and where the last page was not quick: a kernel may take long to add up the memory of
    thousands of cgroups.
    Equal scrapes share the page that a thread is making: fifty at once would else leave the agent
    with the memory of fifty threads and pages.

    Args:
        service: has the figures.
        clock: monotonic seconds.
    """

    def __init__(self, service: Service, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._clock = clock
        self._took = math.inf
        self._under_way: dict[Scrape, asyncio.Future[_Page]] = {}

    async def page(self, scrape: Scrape) -> _Page:
        """A new page, or the one that a thread is making, and its headers."""
        if not self._service.metrics_wait and self._took <= _QUICK:
            return self._made(scrape)
        page = self._under_way.get(scrape)
        if page is None:
            page = asyncio.ensure_future(in_thread(partial(self._made, scrape), or_here=True))
            self._under_way[scrape] = page
            page.add_done_callback(lambda _: self._under_way.pop(scrape))
        return await asyncio.shield(page)

    def _made(self, scrape: Scrape) -> _Page:
        begun = self._clock()
        body, content_type = self._service.metrics(scrape.media_type, scrape.timeout)
        headers = {"content-type": content_type, "vary": "Accept, Accept-Encoding"}
        if scrape.packed and len(body) >= _SMALLEST:
            body = gzip.compress(body, _LEVEL, mtime=0)
            headers["content-encoding"] = "gzip"
        self._took = self._clock() - begun
        return body, headers


def scrape_timeout(header: str) -> float | None:
    """Seconds that making a page may take; None where Prometheus's header is absent or junk."""
    if not _SECONDS.fullmatch(header) or float(header) == 0:
        return None
    return float(header) * _MARGIN
