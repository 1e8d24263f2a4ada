"""The size of the writable layer, which the engine walks a disk for."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from selfinspect.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.engine.client import Client


class FsUsage:
    """Asks in the background, when asked itself, and no more often than once an interval.

    Args:
        interval: seconds.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, interval: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._asked = float("-inf")
        self._asking: threading.Thread | None = None
        self._known: int | None = None

    def bytes(self, client: Client) -> int | None:
        """The size when it was last counted; None until that is done, and where it fails."""
        with self._lock:
            known = self._known
            due = self._clock() - self._asked >= self._interval
            if due and (self._asking is None or not self._asking.is_alive()):
                self._asked = self._clock()
                self._asking = threading.Thread(
                    target=self._ask, args=(client,), name="fs-usage", daemon=True
                )
                # Where the container has all the tasks it may have, it is asked at the next turn.
                with suppress(RuntimeError):
                    self._asking.start()
            return known

    def wait(self, timeout: float | None = None) -> None:
        """Wait until nothing is being counted."""
        asking = self._asking
        if asking is not None:
            asking.join(timeout)

    def _ask(self, client: Client) -> None:
        try:
            self._known = client.size()
        except EngineError:
            self._known = None
