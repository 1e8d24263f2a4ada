"""Each place where an engine may be, and who answered there, in the order of preference."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from selfinspect.background import future_of
from selfinspect.endpoint import is_address, parse_endpoint
from selfinspect.engine.api.connection import connect
from selfinspect.engine.http.failures import failed, unanswered
from selfinspect.engine.http.pools import is_public
from selfinspect.engine.locate import gateway_places, places
from selfinspect.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from selfinspect.endpoint import Endpoint
    from selfinspect.engine.api.connection import Connection
    from selfinspect.engine.http.transport import Observe
    from selfinspect.engine.locate import Place
    from selfinspect.settings import Settings


PATIENCE = 1.5
"""Seconds for a place, the name's resolution included; for all the guessed ones together."""


def contacts(
    settings: Settings,
    environ: Mapping[str, str],
    observe_request: Observe | None,
    *,
    guess: bool,
) -> Iterator[tuple[Place, Connection | EngineError]]:
    """Each place where an engine may be, in order; the guessed ones after all the others.

    Whoever stops early has the connections closed that were not taken.

    Args:
        settings: where to look, and how to speak.
        environ: read for the engine's variables and the runtime's folder.
        observe_request: called for each request.
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
            outcome: Connection | EngineError = to(place, PATIENCE if auto else None)
        except EngineError as error:
            outcome = error
        yield place, outcome
    if guess:
        yield from race(gateway_places(settings.root, environ, server_name=name), to)


def race(
    places: Sequence[Place], to: Callable[[Place, float], Connection]
) -> Iterator[tuple[Place, Connection | EngineError]]:
    """Each place with what came of it; they are tried at once, within one bound.

    Whoever stops early has the rest closed, as soon as they are connected.

    Args:
        places: where to connect to, the preferred first.
        to: connects to one of them, in so many seconds.
    """
    until = time.monotonic() + PATIENCE
    runners = [future_of("gateway", partial(_connected, place, to)) for place in places]
    late = set(runners)
    try:
        for place, runner in zip(places, runners, strict=True):
            try:
                outcome: Connection | EngineError = runner.result(max(0, until - time.monotonic()))
                late.discard(runner)
            except EngineError as error:
                outcome = error
            except TimeoutError:
                outcome = _late(parse_endpoint(place.endpoint))
            yield place, outcome
    finally:
        for runner in late:
            runner.add_done_callback(_close)


def _late(endpoint: Endpoint) -> EngineError:
    if is_address(endpoint.host):
        return unanswered(endpoint, PATIENCE)
    # A name may not even have been found: no firewall need be the cause.
    return failed(endpoint, f"no answer within {PATIENCE:g} s", outcome="timeout")


def _connected(place: Place, to: Callable[[Place, float], Connection]) -> Connection:
    endpoint = parse_endpoint(place.endpoint)
    if is_public(endpoint.host, PATIENCE):
        what = "the name resolves to a public address: not this host's"
        raise failed(endpoint, what, outcome="unknown name")
    return to(place, PATIENCE)


def _close(runner: Future[Connection]) -> None:
    if runner.exception() is None:
        runner.result().transport.close()
