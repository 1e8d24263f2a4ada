"""Requests that are held until what they ask for changes."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.errors import SelfinspectError, TooManyStreamsError
from selfinspect.events.stream import Audience
from selfinspect.web.parameters import boolean, seconds, single

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.datastructures import QueryParams
    from starlette.requests import Request

DEFAULT_SECONDS = 60.0
LONGEST_SECONDS = 300.0


class Wait(NamedTuple):
    """What a request says about waiting.

    Attributes:
        for_change: whether to wait at all.
        seconds: how long at most.
        last_etag: the opaque part of the ETag its sender has; empty for one who has none yet and
            wants the present one, None for whoever waits for the next change.
    """

    for_change: bool
    seconds: float
    last_etag: str | None


def wait_of(query: QueryParams) -> Wait:
    """`wait_for_change`, `timeout_sec` and `last_etag`, whose quotes and `W/` are optional.

    Raises:
        BadRequestError: one of them has a value that it does not take, or is repeated.
    """
    last = single(query, "last_etag")
    return Wait(
        boolean(query, "wait_for_change"),
        seconds(query, "timeout_sec", default=DEFAULT_SECONDS, largest=LONGEST_SECONDS),
        None if last is None else opaque(last),
    )


def opaque(etag: str) -> str:
    """An ETag without its quotes, and without what says that it is weak."""
    return etag.strip().removeprefix("W/").strip('"')


class Waiting:
    """Everybody who waits now. Belongs to the event loop's thread.

    It is told of each change, and asks nothing by itself.

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
        """Let everybody look: something is not what it was."""
        for bell in self._bells:
            bell.set()

    def end(self) -> None:
        """Let everybody go, and nobody wait any more: the agent stops."""
        self._ended = True
        self.changed()

    async def until(self, over: Callable[[], bool], request: Request, longest: float) -> None:
        """Return once it is over, the asker has hung up, or the agent stops.

        Args:
            over: asked at once, and after each change.
            request: whose sender may hang up.
            longest: seconds after which to return in any case.

        Raises:
            TooManyStreamsError: as many wait as may.
        """
        if over():
            return
        with self._place() as bell:
            gone = asyncio.ensure_future(_hung_up(request))
            gone.add_done_callback(lambda _: bell.set())
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(longest):
                        while not (self._ended or gone.done() or over()):
                            await bell.wait()
                            bell.clear()
            finally:
                gone.cancel()

    @contextmanager
    def _place(self) -> Iterator[asyncio.Event]:
        if len(self._bells) >= self._limit:
            raise TooManyStreamsError(
                f"{self._limit} requests wait for a change already",
                hint="ask without wait_for_change, or follow /v1/events/stream",
            )
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            with self._audience.joined():
                yield bell
        finally:
            self._bells.discard(bell)


def differs(state: Callable[[], str]) -> Callable[[], bool]:
    """Whether a state is another than it is now; one that cannot be told is a state as well."""

    def known() -> str | None:
        try:
            return state()
        except SelfinspectError:
            return None

    first = known()
    return lambda: known() != first


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
