"""The engine's two event streams of one container, merged as they arrive."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from selfinspect.errors import EngineError, EngineUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from selfinspect.engine.client import Client
    from selfinspect.engine.transport import Stream
    from selfinspect.model import Json

_RECORD_SEPARATOR = b"\x1e"


class EventStream:
    """Both streams, open from entry on: what happens after that is not missed.

    Two, because the engine's filter for a container misses its networks and volumes, and a
    subscription by type alone would bring every container's events to every agent.

    Args:
        client: whom to ask, for which container.
        deliver: takes each event; called from two threads, one event at a time.

    Raises:
        EngineError: the engine does not let us subscribe.
    """

    def __init__(self, client: Client, deliver: Callable[[Json], None]) -> None:
        self._deliver = deliver
        self._delivering = threading.Lock()
        self._failure: EngineError | None = None
        self._closing = ExitStack()
        with ExitStack() as opened:
            self._streams = tuple(
                opened.enter_context(subscribe())
                for subscribe in (client.own_events, client.surrounding_events)
            )
            self._closing = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()

    def run(self) -> None:
        """Deliver events until either stream ends or `cancel` is called.

        Raises:
            EngineUnreachableError: a stream broke off.
        """
        threads = [
            threading.Thread(target=self._read, args=(stream,), name="events", daemon=True)
            for stream in self._streams
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def cancel(self) -> None:
        """End `run`, from any thread."""
        for stream in self._streams:
            stream.cancel()

    def _read(self, stream: Stream) -> None:
        try:
            for line in stream.lines():
                with self._delivering:
                    self._deliver(json.loads(line.strip(_RECORD_SEPARATOR)))
        except EngineError as error:
            self._failure = error
        except ValueError as error:
            self._failure = EngineUnreachableError(f"an event that is no JSON: {error}")
        finally:
            self.cancel()
