"""An engine's answer without end, read as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from urllib3.exceptions import HTTPError

from selfinspect.engine.http import failures
from selfinspect.engine.http.pools import unbounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3 import HTTPResponse

    from selfinspect.errors import EngineUnreachableError

PIECE = 65_536
"""Bytes that are read at once, at most."""

MAX_BODY = 8 * 2**20
"""Bytes of a whole answer, at most: it has to fit into a small container's memory limit."""

MAX_LINE = 2**20


class Stream:
    """An answer whose headers are here. Iterate in one thread, `cancel` from any.

    Args:
        response: the answer, its body not read yet.
        timeout: seconds within which an engine answers otherwise.
        failed: makes an error of what went wrong, and of the same in a word or two, `outcome`.

    Attributes:
        code: its status.
        headers: its headers, names in any case.
        timeout: the same as above.
    """

    def __init__(
        self,
        response: HTTPResponse,
        timeout: float,
        failed: Callable[..., EngineUnreachableError],
    ) -> None:
        self.code = response.status
        self.headers: Mapping[str, str] = response.headers
        self.timeout = timeout
        self._response = response
        self._failed = failed
        self._cancelled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection up; waits for a read that is under way, so cancel that first."""
        self._response.close()
        self._response.release_conn()

    def text(self, limit: int = PIECE) -> bytes:
        """The beginning of the body, for an answer that turned out to be no stream."""
        try:
            return bytes(self._response.read(limit, decode_content=True))
        except (HTTPError, OSError):
            return b""

    def whole(self) -> bytes:
        """The body of an answer that has an end, within the time that an answer may take.

        Raises:
            EngineUnreachableError: it broke off, came too late or is too long.
        """
        if (self._response.length_remaining or 0) > MAX_BODY:
            raise self._too_long()
        body = bytearray()
        try:
            while piece := self._response.read1(PIECE, decode_content=True):
                body += piece
                if len(body) > MAX_BODY:
                    raise self._too_long()
        except (HTTPError, OSError) as error:
            if failures.timed_out(error):
                within = f"no whole answer within {self.timeout:g} s"
                raise self._failed(within, outcome="timeout") from error
            raise self._failed(
                f"the answer broke off: {failures.said(error)}", quotes=True
            ) from error
        return bytes(body)

    def pieces(self, silence: float | None = None) -> Iterator[bytes]:
        """The bytes as they come; ends when the engine ends it or `cancel` is called.

        Args:
            silence: seconds without a byte after which it is broken; None for never.

        Raises:
            EngineUnreachableError: the stream broke off.
        """
        unbounded(self._response.connection, silence)
        while piece := self._read():
            yield piece

    def lines(self, silence: float | None = None) -> Iterator[bytes]:
        """The same, as lines, of which the empty ones are left out.

        Raises:
            EngineUnreachableError: the stream broke off, or a line is too long.
        """
        rest = b""
        for piece in self.pieces(silence):
            *whole, rest = (rest + piece).split(b"\n")
            yield from filter(None, (line.removesuffix(b"\r") for line in whole))
            if len(rest) > MAX_LINE:
                raise self._failed(f"a line of more than {MAX_LINE >> 20} MiB")
        if rest and not self._cancelled:
            yield rest

    def cancel(self) -> None:
        """End the iteration, wherever it waits."""
        self._cancelled = True
        try:
            self._response.shutdown()
        except (OSError, ValueError, RuntimeError):
            return  # it has ended by itself already

    def _too_long(self) -> EngineUnreachableError:
        return self._failed(f"an answer of more than {MAX_BODY >> 20} MiB", outcome="too large")

    def _read(self) -> bytes:
        try:
            return bytes(self._response.read1(PIECE, decode_content=True))
        except (HTTPError, OSError, ValueError) as error:
            # A ValueError, "read of closed file", is how a cancelled read may end.
            if self._cancelled:
                return b""
            raise self._failed(
                f"the stream broke off: {failures.said(error)}", quotes=True
            ) from error
