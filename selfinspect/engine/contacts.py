"""Each place where an engine may be, and who answered there.

Several places tried at once, within one bound; answers are taken in the order of preference.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from typing import TYPE_CHECKING

from selfinspect.endpoint import parse_endpoint
from selfinspect.engine.api.connection import connect
from selfinspect.engine.http.failures import failed, unanswered
from selfinspect.engine.http.pools import is_address, is_public
from selfinspect.engine.locate import gateway_places, places
from selfinspect.errors import EngineError, EngineUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from selfinspect.engine.api.connection import Connection
    from selfinspect.engine.http.transport import Observe
    from selfinspect.engine.locate import Place
    from selfinspect.settings import Settings


def contacts(
    settings: Settings,
    environ: Mapping[str, str],
    observe_request: Observe | None,
    *,
    guess: bool,
) -> Iterator[tuple[Place, Connection | EngineError]]:
    """Each place where an engine may be, in order; the guessed ones once the others are through.

    Whoever stops early has the connections closed that were not taken.

    Args:
        settings: where to look, and how to speak.
        environ: read for the engine's variables and the runtime's folder.
        observe_request: told of each request.
        guess: whether the network may be tried at places that nobody named.
    """

    def to(place: Place, patience: float | None) -> Connection:
        return connect(
            place.endpoint,
            api_version=settings.api_version,
            patience=patience,
            observe=observe_request,
            tls=place.tls,
        )

    auto, name = settings.engine == "auto", settings.engine_server_name
    for place in places(settings.engine, environ, server_name=name):
        try:
            connection = to(place, PATIENCE if auto else None)
        except EngineError as error:
            yield place, error
        else:
            yield place, connection
    if guess:
        yield from Race(gateway_places(settings.root, environ, server_name=name), to)


PATIENCE = 1.5
"""Seconds for all of them, the names' resolution included."""


class Race:
    """Connections to each of the places, begun at once.

    Args:
        places: where to connect to, the preferred first.
        to: connects to one of them, in so many seconds.
    """

    def __init__(self, places: Sequence[Place], to: Callable[[Place, float], Connection]) -> None:
        self._until = time.monotonic() + PATIENCE
        self._runners = [(place, _started(place, to)) for place in places]

    def __iter__(self) -> Iterator[tuple[Place, Connection | EngineError]]:
        """Each place with what came of it; who stops early leaves the rest to be closed."""
        waiting = dict(enumerate(self._runners))
        try:
            for number, (place, runner) in enumerate(self._runners):
                outcome = self._outcome(place, runner)
                if not isinstance(outcome, EngineError) or runner.done():
                    del waiting[number]
                yield place, outcome
        finally:
            for _, runner in waiting.values():
                runner.add_done_callback(_close)

    def _outcome(self, place: Place, runner: Future[Connection]) -> Connection | EngineError:
        try:
            return runner.result(max(0.0, self._until - time.monotonic()))
        except EngineError as error:
            return error
        except NotInTime:
            endpoint = parse_endpoint(place.endpoint)
            if is_address(endpoint.host):
                return unanswered(endpoint, PATIENCE)
            # A name may not even have been found: that is no firewall's doing.
            return failed(endpoint, f"no answer within {PATIENCE:g} s", outcome="timeout")


def _started(place: Place, to: Callable[[Place, float], Connection]) -> Future[Connection]:
    runner: Future[Connection] = Future()

    def run() -> None:
        try:
            if is_public(parse_endpoint(place.endpoint).host, PATIENCE):
                raise EngineUnreachableError(  # noqa: TRY301
                    f"{place.endpoint}: a public address is no container's host",
                    endpoint=place.endpoint,
                    outcome="unknown name",
                )
            runner.set_result(to(place, PATIENCE))
        except BaseException as error:  # noqa: BLE001 - handed to who waits for it
            runner.set_exception(error)

    threading.Thread(target=run, name="gateway", daemon=True).start()
    return runner


def _close(runner: Future[Connection]) -> None:
    if runner.exception() is None:
        runner.result().transport.close()
