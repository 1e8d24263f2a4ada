"""`/v1/self` and `/v1/inspect`: whole or drilled into, now or once they change."""

from __future__ import annotations

import time
from dataclasses import replace
from operator import eq
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.documents import as_document, engine_missing, standing
from selfinspect.errors import SelfinspectError
from selfinspect.jsonread import segments
from selfinspect.web.answers import Document, Route, conditional, opaque, prefers
from selfinspect.web.parameters import wait_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.model import Json, Self, Snapshot
    from selfinspect.web.answers import Representation
    from selfinspect.web.service import Service

_SELF = "/v1/self"
_INSPECT = "/v1/inspect"
_HEALTH = {_SELF: ("health",), _INSPECT: ("State", "Health")}


def routes(service: Service) -> list[Route]:
    """Both documents, each at its own path and at every path below."""
    shown = _Shown()

    async def own(request: Request) -> Response:
        pod = segments(request.scope["raw_path"], _SELF)[:1] == ("kubernetes",)
        service.update()
        return await _answer(
            request, service, _SELF, lambda: shown.own(service.snapshot(), pod=pod)
        )

    async def inspect(request: Request) -> Response:
        response = await _answer(
            request, service, _INSPECT, lambda: shown.inspect(service.snapshot())
        )
        snapshot = service.snapshot()
        if snapshot.failure is not None:
            response.headers["age"] = str(_age(snapshot))
        return response

    return [
        route
        for path, answer in ((_SELF, own), (_INSPECT, inspect))
        for route in (Route(path, answer), Route(f"{path}/", answer, below=True, listed=False))
    ]


async def _answer(
    request: Request, service: Service, prefix: str, document: Callable[[], Document]
) -> Response:
    """The member at the request's path, at once or when its wait is over.

    Args:
        request: asks for it.
        service: has the requests that wait.
        prefix: the document's own path.
        document: returns its present state; raises SelfinspectError while there is none.
    """
    path = segments(request.scope["raw_path"], prefix)
    json = prefers(request.headers.get("accept", ""), "application/json")
    wait = wait_of(request.query_params)

    def present() -> Representation:
        return document().at(path, json=json)

    if wait.for_change and not _has_changed(present, wait.last_etag):
        over = _differs(lambda: document().state(path, json=json))
        # A member of health, or a document that has it.
        sees_health = all(map(eq, path, _HEALTH[prefix]))
        await service.waiting.until(over, request.receive, wait.seconds, sees_health=sees_health)
    body, media_type, etag = present()
    headers = {"etag": etag, "vary": "Accept", "cache-control": "no-cache"}
    return conditional(request, body, media_type, headers)


def _has_changed(present: Callable[[], Representation], last_etag: str | None) -> bool:
    """Whether the client says which value it has, and there is another one now."""
    if last_etag is None:
        return False
    try:
        return opaque(present().etag) != last_etag
    except SelfinspectError:
        return False


def _differs(state: Callable[[], str]) -> Callable[[], bool]:
    """A check whether a state is another one than now.

    Args:
        state: returns it; that it raises SelfinspectError is a state as well.
    """

    def current() -> str | None:
        try:
            return state()
        except SelfinspectError:
            return None

    first = current()
    return lambda: current() != first


class _Shown:
    """The newest documents, each made once however often it is asked for."""

    def __init__(self) -> None:
        self._own: tuple[Self, Document] | None = None
        self._inspect: tuple[Json, Document] | None = None

    def own(self, snapshot: Snapshot, *, pod: bool) -> Document:
        if pod and snapshot.self is None and snapshot.kubernetes is not None:
            return Document({"kubernetes": as_document(snapshot.kubernetes)})
        record = _counting_down(standing(snapshot))
        if self._own is None or self._own[0] is not record:
            self._own = record, Document(as_document(record), passing=("inspected_at",))
        return self._own[1]

    def inspect(self, snapshot: Snapshot) -> Document:
        standing(snapshot)
        if snapshot.inspect is None:
            raise engine_missing(snapshot)
        if self._inspect is None or self._inspect[0] is not snapshot.inspect:
            self._inspect = snapshot.inspect, Document(snapshot.inspect)
        return self._inspect[1]


def _counting_down(own: Self) -> Self:
    """The record as of now: the time that a stop leaves shrinks by itself."""
    stop = own.stopping
    if stop is None or stop.deadline is None:
        return own
    left = max(0, times.nanoseconds(stop.deadline) - time.time_ns()) / times.SECOND
    return replace(own, stopping=replace(stop, seconds_left=round(left, 3)))


def _age(snapshot: Snapshot) -> int:
    """Whole seconds since the engine returned the inspect."""
    inspected_at = snapshot.self.inspected_at if snapshot.self else None
    if inspected_at is None:
        return 0
    return max(0, (time.time_ns() - times.nanoseconds(inspected_at)) // times.SECOND)
