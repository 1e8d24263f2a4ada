"""`/metrics`, for Prometheus."""

from __future__ import annotations

import asyncio
import gzip
import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from starlette.responses import Response
from starlette.routing import Route

from selfinspect.web.answers import prefers, weight
from selfinspect.web.streaming import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from selfinspect.web.app import Service

_Page: TypeAlias = "tuple[bytes, Mapping[str, str]]"

PATHS = ("/metrics", "/metrics/")
"""Where it is served: some scrape configurations are written with the slash."""

_OPENMETRICS, _TEXT = "application/openmetrics-text", "text/plain"
_SMALLEST = 1400
"""Bytes that fit in one packet anyway."""

_LEVEL = 1
_SECONDS = re.compile(r"\d{1,4}(\.\d{1,9})?", re.ASCII)
_MARGIN = 0.9


class _Scrape(NamedTuple):
    """What a scrape asks for."""

    media_type: str
    packed: bool
    timeout: float | None


def routes(service: Service) -> list[Route]:
    """The page at both of its paths; reading may take the engine a second, so a thread does it.

    Who asks the same while a page is being made gets that one: fifty scrapes at once would else
    leave the agent with the memory of fifty threads and pages.
    """
    under_way: dict[_Scrape, asyncio.Future[_Page]] = {}

    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        scrape = _Scrape(
            media_type=_OPENMETRICS if prefers(accept, _OPENMETRICS) else _TEXT,
            packed=weight(request.headers.get("accept-encoding", ""), "gzip") > 0,
            timeout=seconds(request.headers.get("x-prometheus-scrape-timeout-seconds", "")),
        )
        page = under_way.get(scrape)
        if page is None:
            page = asyncio.ensure_future(in_thread(partial(_made, service, scrape), or_here=True))
            under_way[scrape] = page
            page.add_done_callback(lambda _: under_way.pop(scrape))
        body, headers = await asyncio.shield(page)
        return Response(body, headers=headers)

    return [Route(path, metrics, include_in_schema=path == PATHS[0]) for path in PATHS]


def _made(service: Service, scrape: _Scrape) -> _Page:
    """A page, and the headers that it goes out with."""
    body, content_type = service.metrics(scrape.media_type, scrape.timeout)
    headers = {"content-type": content_type, "vary": "Accept, Accept-Encoding"}
    if scrape.packed and len(body) >= _SMALLEST:
        body = gzip.compress(body, _LEVEL, mtime=0)
        headers["content-encoding"] = "gzip"
    return body, headers


def seconds(text: str) -> float | None:
    """What a scrape may take, some of it left for the way; None where the header says nothing."""
    return float(text) * _MARGIN if _SECONDS.fullmatch(text) and float(text) > 0 else None
