"""The start of the agent: its libraries are loaded, lightly, while a child reads the options."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager

from selfinspect.standins import absent, when_used

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator, Mapping
    from typing import TextIO

    from selfinspect.settings import Settings

    Serve = Callable[[Settings, Mapping[str, str], TextIO], int]
else:
    import _signal as signal  # the interpreter has it already

_RARELY_USED = ("bz2", "gzip", "idna", "locale", "lzma", "zipfile")
"""What libraries import for functions that the agent seldom calls, or never."""

_SHA2 = ("_sha2",) if sys.version_info >= (3, 12) else ("_sha256", "_sha512")
_HASHES = ("_blake2", "_md5", "_sha1", "_sha3", *_SHA2)
"""Python's own; where one lacks, `hashlib` needs OpenSSL's."""


def main(environ: Mapping[str, str], read: Callable[[Serve], int]) -> int:
    """Run an agent whose options a child reads, and return the exit code.

    What reads them takes 1.3 MiB and 60 ms of CPU, and is of no use afterwards.

    Args:
        environ: the environment.
        read: reads the options, has the agent served with the settings, returns the exit code.
    """
    import _pickle as pickle  # noqa: PLC0415 - `pickle` itself takes 0.2 MiB
    import gc  # noqa: PLC0415 - the interpreter has it already
    import os  # noqa: PLC0415 - after the signals

    # What is loaded stays: to look through it for garbage takes a seventh of the start's CPU.
    gc.disable()
    # Where SIGCHLD is inherited as ignored, waitpid finds no exit code.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError:  # no task to spare
        os.close(reading)
        os.close(writing)
        return read(serve)
    if not child:
        os.close(reading)  # else its write would block for ever once the agent has died

        def hand_over(settings: Settings, *_: object) -> int:
            with open(writing, "wb") as pipe:  # noqa: PTH123
                pickle.dump(settings, pipe)
            return 0

        return read(hand_over)
    os.close(writing)
    from selfinspect import terminal  # noqa: PLC0415

    # The options are not known yet, so their names have to do.
    named = any(word.startswith("--tls-cert") for word in sys.argv)
    with _lightly(tls=named or "SELFINSPECT_TLS_CERT" in environ):
        from selfinspect.agent.process import run  # noqa: PLC0415

    with open(reading, "rb") as pipe:  # noqa: PTH123
        settings = pipe.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code or not settings:
        return code if code >= 0 else 128 - code
    return run(pickle.loads(settings), environ, terminal.of_this_process()[1])


def serve(settings: Settings, environ: Mapping[str, str], err: TextIO) -> int:
    """Run an agent in this process as it is, and return the exit code."""
    from selfinspect.agent.process import run  # noqa: PLC0415 - it loads all the rest

    return run(settings, environ, err)


@contextmanager
def _lightly(*, tls: bool) -> Iterator[None]:
    """Load of the agent's libraries, meanwhile, only what it uses: 3.5 MiB less, 6.5 resident.

    Without TLS they are loaded as by a Python that was built without OpenSSL; whoever imports `ssl`
    afterwards gets it.

    Args:
        tls: whether the agent itself will speak TLS, which asyncio has to know.
    """
    from importlib.util import find_spec  # noqa: PLC0415

    with ExitStack() as stack:
        stack.enter_context(when_used(*_RARELY_USED))
        if not tls:
            stack.enter_context(absent("ssl"))
            if all(map(find_spec, _HASHES)):
                stack.enter_context(absent("_hashlib"))
        yield
