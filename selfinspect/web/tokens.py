"""Files of bearer tokens, RFC 6750: who knows one of theirs may ask."""

from __future__ import annotations

import hmac
import stat
from typing import TYPE_CHECKING

from selfinspect.files import read_named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SCHEME = b"bearer "


class Tokens:
    """The tokens that open some paths.

    Args:
        read: gives them, as they are now; raises OSError where they cannot be read.
        on_failure: told of each reason why there are none, once for as long as it lasts.
    """

    def __init__(self, read: Callable[[], list[bytes]], on_failure: Callable[[str], None]) -> None:
        self._read = read
        self._on_failure = on_failure
        self._failure: str | None = None

    def admit(self, authorization: bytes) -> bool:
        """Whether an Authorization header bears one of them; none can where there are none."""
        given = authorization[len(_SCHEME) :].strip()
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            given = b""
        # Every token is compared, so that the time tells nothing of which one was nearly right.
        matches = [hmac.compare_digest(given, token) for token in self._now()]
        return any(matches)

    def _now(self) -> list[bytes]:
        failure = None
        try:
            tokens = self._read()
        except OSError as error:
            tokens, failure = [], error.strerror or str(error)
        else:
            failure = None if tokens else "it is empty"
        if failure is not None and failure != self._failure:
            self._on_failure(failure)
        self._failure = failure
        return tokens


def read_tokens(path: Path) -> list[bytes]:
    """The tokens in a file, one a line, without the white space around them.

    Raises:
        OSError: the file cannot be read, is not a regular one, or is longer than 1 MiB.
    """
    content = read_named(path)
    return [line.strip() for line in content.splitlines() if line.strip()]


def is_exposed(path: Path) -> bool:
    """Whether every user of the system may read a file."""
    return bool(path.stat().st_mode & stat.S_IROTH)
