"""`/metrics`, for Prometheus."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from selfinspect.web.threads import in_thread

if TYPE_CHECKING:
    from starlette.requests import Request

    from selfinspect.web.service import Service

_SMALLEST = 1400
"""Bytes that fit in one packet anyway."""

_LEVEL = 1
_REFUSED = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*$", re.ASCII | re.IGNORECASE)
_SECONDS = re.compile(r"\d{1,4}(\.\d{1,9})?", re.ASCII)
_MARGIN = 0.9


def routes(service: Service) -> list[Route]:
    """The one route; reading may take the engine a second, so a thread does it."""

    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        timeout = seconds(request.headers.get("x-prometheus-scrape-timeout-seconds", ""))
        packed = takes_gzip(request.headers.get("accept-encoding", ""))

        def page() -> Response:
            body, content_type = service.metrics(accept, timeout)
            headers = {"content-type": content_type, "vary": "Accept, Accept-Encoding"}
            if packed and len(body) >= _SMALLEST:
                body = gzip.compress(body, _LEVEL, mtime=0)
                headers["content-encoding"] = "gzip"
            return Response(body, headers=headers)

        return await in_thread(page)

    return [Route("/metrics", metrics)]


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header names gzip, and not as what is refused."""
    wishes = (wish.strip() for wish in accept_encoding.split(","))
    return any(
        wish.partition(";")[0].strip().lower() == "gzip" and not _REFUSED.match(wish)
        for wish in wishes
    )


def seconds(text: str) -> float | None:
    """What a scrape may take, some of it left for the way; None where the header says nothing."""
    return float(text) * _MARGIN if _SECONDS.fullmatch(text) and float(text) > 0 else None
