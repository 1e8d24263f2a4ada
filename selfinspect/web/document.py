"""`/v1/self` and `/v1/inspect`, whole and drilled into."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from starlette.routing import Route

from selfinspect import times
from selfinspect.documents import as_document, refused
from selfinspect.web.answers import engine_missing, member_answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.model import Json, Self, Snapshot
    from selfinspect.web.service import Service

_SELF = "/v1/self"
_INSPECT = "/v1/inspect"


def routes(service: Service) -> list[Route]:
    """Both documents, each at its own path and at every path below."""
    shaped = _Shaped()

    async def own(request: Request) -> Response:
        snapshot = service.snapshot()
        return member_answer(request, shaped.document(_standing(snapshot)), _SELF)

    async def inspect(request: Request) -> Response:
        snapshot = service.snapshot()
        _standing(snapshot)
        if snapshot.inspect is None:
            raise engine_missing(snapshot)
        response = member_answer(request, snapshot.inspect, _INSPECT)
        if snapshot.failure is not None:
            response.headers["age"] = str(_age(snapshot))
        return response

    return [
        Route(_SELF, own),
        Route(f"{_SELF}/{{path:path}}", own),
        Route(_INSPECT, inspect),
        Route(f"{_INSPECT}/{{path:path}}", inspect),
    ]


class _Shaped:
    """The newest record as JSON, shaped once however often it is asked for."""

    def __init__(self) -> None:
        self._last: tuple[Self, Json] | None = None

    def document(self, own: Self) -> Json:
        if self._last is None or self._last[0] is not own:
            self._last = (own, as_document(own))
        return self._last[1]


def _standing(snapshot: Snapshot) -> Self:
    if snapshot.self is None:
        raise refused(snapshot)
    return snapshot.self


def _age(snapshot: Snapshot) -> int:
    """Whole seconds since the engine said it."""
    inspected_at = snapshot.self.inspected_at if snapshot.self else None
    if inspected_at is None:
        return 0
    return max(0, (time.time_ns() - times.nanoseconds(inspected_at)) // 10**9)
