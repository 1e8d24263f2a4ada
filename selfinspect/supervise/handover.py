"""What PID 1 hands each incarnation of the agent: listeners, and a line between the two.

On the line, a pair of sockets, each word arrives whole. PID 1 first sends the token of
`--token-file auto`, if there is one, and then when a stop begins and when it is over. The agent
sends once that it is ready, with the variables it offers for the command and why others are left
out; and each time the container's memory is short.
"""

from __future__ import annotations

import _socket
import os

from selfinspect.supervise.messages import say, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence
    from typing import Literal

    MemoryNotice = Literal["memory-short", "memory-unsupported"]

VARIABLE = "SELFINSPECT_HANDOVER"
"""Names the sockets in the agent's environment: `api=5,metrics=6,control=7`."""

READY = "ready"
ENDED = ""
LEFT_OUT = "left-out"
MEMORY_SHORT: MemoryNotice = "memory-short"
MEMORY_UNSUPPORTED: MemoryNotice = "memory-unsupported"

_LONGEST_WORD = 128 * 1024
_LONGEST_TOKEN = 128


def control_pair() -> tuple[_socket.socket, _socket.socket]:
    """The two ends of the line: PID 1's, and the agent's."""
    return _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)


def signal_words(control: _socket.socket) -> None:
    """Have the kernel send this process SIGIO for each word of the agent: fcntl(2), `O_ASYNC`."""
    try:
        import fcntl  # noqa: PLC0415 - few want it

        fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(control, fcntl.F_SETFL, fcntl.fcntl(control, fcntl.F_GETFL) | os.O_ASYNC)
    except (ImportError, OSError) as error:  # the agent is of use all the same
        say("on-memory.unsupported", reason=error)


def heard(control: _socket.socket) -> tuple[str, dict[str, str]]:
    """The agent's next word, and what it says of variables by name; `ENDED` if it ended.

    Raises:
        BlockingIOError: it has sent nothing yet.
        OSError: the line is broken.
    """
    word, *entries = control.recv(_LONGEST_WORD, _socket.MSG_DONTWAIT).split(b"\0")
    pairs = (os.fsdecode(entry).partition("=") for entry in entries)
    return os.fsdecode(word), {name: value for name, _, value in pairs}


def sockets_named(
    api: Sequence[_socket.socket], metrics: Sequence[_socket.socket], control: _socket.socket
) -> str:
    """The value of `VARIABLE`: the number of each socket, and what it is for."""
    roles = [*(("api", each) for each in api), *(("metrics", each) for each in metrics)]
    return ",".join(f"{role}={each.fileno()}" for role, each in [*roles, ("control", control)])


class Handover:
    """The open sockets that `SELFINSPECT_HANDOVER` names, as the agent has them.

    Attributes:
        api: listeners for everything; the agent binds none of its own.
        metrics: listeners for the metrics alone.
        control: the agent's end of the line; once it reads as ended, PID 1 is gone and the agent
            has to end too.
        token: the token of `--token-file auto`; None where PID 1 sent none.
    """

    __slots__ = ("api", "control", "metrics", "token")

    def __init__(
        self,
        api: Sequence[socket.socket],
        metrics: Sequence[socket.socket],
        control: socket.socket,
        token: bytes | None = None,
    ) -> None:
        self.api = api
        self.metrics = metrics
        self.control = control
        self.token = token

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Handover | None:
        """What PID 1 handed over, None where the agent was started by itself.

        Raises:
            ValueError: the variable does not read `api=5,metrics=6,control=7`.
            OSError: a number in it is not an open socket.
        """
        import socket  # noqa: PLC0415 - 8 ms, and nothing that PID 1 needs

        if VARIABLE not in environ:
            return None
        sockets: dict[str, list[socket.socket]] = {"api": [], "metrics": [], "control": []}
        for item in environ[VARIABLE].split(","):
            role, _, descriptor = item.partition("=")
            if role not in sockets:
                raise ValueError(f"{VARIABLE}: {item!r} does not name a socket")
            inherited = socket.socket(fileno=int(descriptor))
            inherited.set_inheritable(False)
            sockets[role].append(inherited)
        [control] = sockets["control"]
        token = None
        with suppress(BlockingIOError):
            token = control.recv(_LONGEST_TOKEN, socket.MSG_DONTWAIT) or None
        return cls(sockets["api"], sockets["metrics"], control, token)

    def ready(
        self, variables: Mapping[str, str], left_out: Mapping[str, str] | None = None
    ) -> None:
        """Report to PID 1 that the agent is ready, so that a command held back by `--wait` starts.

        Args:
            variables: what `--export-env` adds to the command's environment; left out where it
                is more than PID 1 takes. One that no environment can hold is left out alone.
            left_out: why other variables are left out, by name.
        """
        if left_out:
            self._send(LEFT_OUT, left_out)
        self._send(READY, variables)

    def memory(self, notice: MemoryNotice) -> None:
        """Report to PID 1 that the container's memory is short, or that no notice will come."""
        self._send(notice, {})

    def _send(self, word: str, variables: Mapping[str, str]) -> None:
        entries = (
            os.fsencode(f"{name}={value}")
            for name, value in variables.items()
            if _fits_an_environment(value)
        )
        whole = b"\0".join((word.encode(), *entries))
        with suppress(OSError):
            self.control.send(whole if len(whole) <= _LONGEST_WORD else word.encode())


def _fits_an_environment(value: str) -> bool:
    """Whether it has neither NUL nor half a surrogate pair."""
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False
