"""`/metrics`, for Prometheus."""

from __future__ import annotations

import asyncio
import gzip
import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from starlette.responses import Response

from selfinspect.background import in_thread
from selfinspect.web.answers import Route, prefers, quality
from selfinspect.web.guard import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from selfinspect.web.service import Service

_Page: TypeAlias = "tuple[bytes, Mapping[str, str]]"

_OPENMETRICS, _TEXT = "application/openmetrics-text", "text/plain"
_SMALLEST = 1400  # bytes: fewer fit in one packet anyway
_LEVEL = 1
_SECONDS = re.compile(r"\d{1,4}(\.\d{1,9})?", re.ASCII)
_MARGIN = 0.9  # of a scrape's timeout; the rest is for the way


class _Scrape(NamedTuple):
    """What a scrape asks for."""

    media_type: str
    packed: bool
    timeout: float | None


def routes(service: Service) -> list[Route]:
    """The page at both of its paths. A thread makes it, because that may take the engine a second.

    Equal scrapes share the page that is being made: fifty at once would else leave the agent with
    the memory of fifty threads and pages.
    """
    under_way: dict[_Scrape, asyncio.Future[_Page]] = {}

    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        scrape = _Scrape(
            media_type=_OPENMETRICS if prefers(accept, _OPENMETRICS) else _TEXT,
            packed=quality(request.headers.get("accept-encoding", ""), "gzip") > 0,
            timeout=scrape_timeout(request.headers.get("x-prometheus-scrape-timeout-seconds", "")),
        )
        page = under_way.get(scrape)
        if page is None:
            page = asyncio.ensure_future(in_thread(partial(_made, service, scrape), or_here=True))
            under_way[scrape] = page
            page.add_done_callback(lambda _: under_way.pop(scrape))
        body, headers = await asyncio.shield(page)
        return Response(body, headers=headers)

    return [Route(path, metrics, listed=path == METRICS[0]) for path in METRICS]


def _made(service: Service, scrape: _Scrape) -> _Page:
    """A page and its headers."""
    body, content_type = service.metrics(scrape.media_type, scrape.timeout)
    headers = {"content-type": content_type, "vary": "Accept, Accept-Encoding"}
    if scrape.packed and len(body) >= _SMALLEST:
        body = gzip.compress(body, _LEVEL, mtime=0)
        headers["content-encoding"] = "gzip"
    return body, headers


def scrape_timeout(header: str) -> float | None:
    """Seconds that making a page may take; None where Prometheus's header is absent or junk."""
    if not _SECONDS.fullmatch(header) or float(header) == 0:
        return None
    return float(header) * _MARGIN
