"""Cancels a stream that is being read."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfinspect.engine.http.stream import Stream
    from tests.support.canned_engine import CannedEngine

_PATIENT = 60.0


def cancel_while_it_waits(stream: Stream, engine: CannedEngine) -> None:
    """See that a read which waits for the second line ends, with what it has and no error."""
    found: list[bytes] = []
    reached = threading.Event()

    def read() -> None:
        for line in stream.lines():
            found.append(line)
            reached.set()

    reader = threading.Thread(target=read)
    reader.start()
    engine.emit_line(b"one\n")
    assert reached.wait(_PATIENT)
    stream.cancel()
    reader.join(_PATIENT)
    assert not reader.is_alive()
    assert found == [b"one"]
