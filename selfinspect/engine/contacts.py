"""Each place where an engine may be, and who answered there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.engine.connection import connect
from selfinspect.engine.locate import gateway_places, places
from selfinspect.engine.race import PATIENCE, Race
from selfinspect.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.engine.connection import Connection
    from selfinspect.engine.locate import Place
    from selfinspect.engine.transport import Observe
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
