"""Requests that are held until what they ask for changes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.errors import SelfinspectError, TooManyStreamsError
from selfinspect.events.stream import Audience
from selfinspect.web.answers import opaque
from selfinspect.web.parameters import boolean, seconds, single

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import QueryParams
    from starlette.requests import Request

DEFAULT_SECONDS = 60.0
LONGEST_SECONDS = 300.0


class Wait(NamedTuple):
    """What a request says about waiting.

    Attributes:
        for_change: whether to wait at all.
        seconds: how long at most.
        last_etag: the opaque part of the ETag that the client has; empty for one that has none and
            wants the present value at once, None for one that waits for the next change.
    """

    for_change: bool
    seconds: float
    last_etag: str | None


def wait_of(query: QueryParams) -> Wait:
    """`wait_for_change`, `timeout_sec` and `last_etag`, whose quotes and `W/` are optional.

    Raises:
        BadRequestError: one of them is invalid or repeated.
    """
    last = single(query, "last_etag")
    return Wait(
        boolean(query, "wait_for_change"),
        seconds(query, "timeout_sec", default=DEFAULT_SECONDS, largest=LONGEST_SECONDS),
        None if last is None else opaque(last),
    )


class Waiting:
    """All requests that wait now. Belongs to the event loop's thread.

    Args:
        limit: how many may wait at once.
        audience: counts them among those who wait.
    """

    def __init__(self, limit: int = 1024, audience: Audience | None = None) -> None:
        self._limit = limit
        self._audience = audience or Audience()
        self._bells: set[asyncio.Event] = set()
        self._ended = False

    def __len__(self) -> int:
        return len(self._bells)

    def changed(self) -> None:
        """Let every request check whether its own wait is over."""
        for bell in self._bells:
            bell.set()

    def end(self) -> None:
        """End every wait, also those that would begin later: the agent stops."""
        self._ended = True
        self.changed()

    async def until(
        self,
        over: Callable[[], bool],
        request: Request,
        longest: float,
        *,
        sees_health: bool = False,
    ) -> None:
        """Return once the wait is over, the client has hung up, or the agent stops.

        Args:
            over: whether it is; checked at once, and after each change.
            request: the client's.
            longest: seconds after which to return in any case.
            sees_health: whether a health check may end it that changes nothing but the log.

        Raises:
            TooManyStreamsError: the limit is reached.
        """
        if over():
            return
        if len(self._bells) >= self._limit:
            raise TooManyStreamsError(
                f"{self._limit} requests wait for a change already",
                hint="ask without wait_for_change, or follow /v1/events/stream",
            )
        bell = asyncio.Event()
        self._bells.add(bell)
        gone = asyncio.ensure_future(_hung_up(request))
        gone.add_done_callback(lambda _: bell.set())
        try:
            with suppress(TimeoutError), self._audience.joined(sees_health=sees_health):
                async with asyncio.timeout(longest):
                    while not (self._ended or gone.done() or over()):
                        await bell.wait()
                        bell.clear()
        finally:
            gone.cancel()
            self._bells.discard(bell)


def differs(state: Callable[[], str]) -> Callable[[], bool]:
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


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
