"""How an engine is spoken to: over a Unix socket or TCP, with or without TLS.

requests and urllib3 are loaded here first, lightly: see `_lightly`.
"""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from re import compile as _compile
from typing import TYPE_CHECKING, Any

from selfinspect.standins import standing_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_URLS = "urllib3.util.url"


class Pattern:
    """A regular expression that is compiled when one of its methods is first asked for."""

    def __init__(self, pattern: Any, flags: int = 0) -> None:
        self._arguments = pattern, flags

    def __getattr__(self, name: str) -> Any:
        """The same of the compiled pattern, and kept."""
        value = getattr(_compile(*self._arguments), name)
        setattr(self, name, value)
        return value


@contextmanager
def _lightly() -> Iterator[None]:
    """Load libraries without urllib3's patterns for URLs, and without `importlib.metadata`.

    Of the patterns an engine's URL needs one; all take 25 ms, a tenth of the CPU of the agent's
    start. `importlib.metadata`, from which urllib3 takes the version of an h2 that is not there,
    takes 9 ms and 0.7 MiB. All other modules compile their patterns, in whichever thread they are
    loaded.
    """
    re.compile = _compile_or_wait
    try:
        with standing_in(lambda _: _version, "importlib.metadata"):
            yield
    finally:
        re.compile = _compile


def _compile_or_wait(pattern: Any, flags: int = 0) -> Any:
    """`re.compile`, and for the patterns of URLs only a promise of it."""
    of_urls = sys._getframe(1).f_globals.get("__name__") == _OF_URLS  # noqa: SLF001
    return Pattern(pattern, flags) if of_urls else _compile(pattern, flags)


def _version(name: str) -> str:
    from importlib.metadata import version  # noqa: PLC0415 - by now the real one

    return version(name)


with _lightly():
    import requests  # noqa: F401 - for the modules of this package
