"""The agent beside the command: one incarnation after the other, until it is given up.

And whether the container's limit of tasks leaves room for one.
"""

from __future__ import annotations

import _socket
import os
import time

from selfinspect.kernel.proc_self import UNIFIED, parse_cgroups
from selfinspect.supervise import handover
from selfinspect.supervise.children import NOT_EXECUTABLE, NOT_FOUND, start_agent
from selfinspect.supervise.listeners import silence
from selfinspect.supervise.messages import say, suppress
from selfinspect.supervise.signals import Given, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selfinspect.supervise.handover import MemoryNotice
    from selfinspect.supervise.users import User

ROOM = 32
"""Tasks below which none is taken from the command: an agent needs up to a dozen threads."""

_CGROUPS = "/proc/self/cgroup"
_TREE = "/sys/fs/cgroup"

_WINDOW = 60.0
_DEATHS_ALLOWED = 5
_FIRST_PAUSE = 0.2
_GROWTH = 4
_USAGE = 2
_LASTING = (_USAGE, NOT_FOUND, NOT_EXECUTABLE)


class AgentProcess:
    """The agent's process, its successors, and the listeners they inherit.

    Args:
        command: the agent's program and its arguments.
        changes: what its environment has that ours has not; None takes a variable away.
        api: the listeners for everything.
        metrics: the listeners for the metrics alone.
        given: the signals' mask and actions that `run` was started with.
        user: who it runs as, None for our own user.
        token: what `--token-file auto` has made, None for none.
        signalling: whether SIGIO is to come for each of its words.

    Attributes:
        process: its process ID, None while there is none.
        restart_at: when the next incarnation is due, monotonic seconds; None if none is.
        variables: what it offers for the command's environment, once it is ready.
        left_out: why it offers no other variables, by name.
    """

    def __init__(
        self,
        command: Sequence[str],
        changes: Mapping[str, str | None],
        api: Sequence[_socket.socket] = (),
        metrics: Sequence[_socket.socket] = (),
        *,
        given: Given | None = None,
        user: User | None = None,
        token: bytes | None = None,
        signalling: bool = False,
    ) -> None:
        self.process: int | None = None
        self.restart_at: float | None = None
        self.variables: Mapping[str, str] = {}
        self.left_out: Mapping[str, str] = {}
        self._given = given or Given()
        self._user = user
        self._token = token
        self._signalling = signalling
        self._settled = False
        self._notice: MemoryNotice | None = None
        self._command = command
        self._changes = changes
        self._api = api
        self._metrics = metrics
        self._control: _socket.socket | None = None
        self._deaths: list[float] = []
        self._reason = ""
        self._dismissed = False

    def start(self) -> None:
        """Start an incarnation; where no process can be made, that counts as its death."""
        self.restart_at = None
        self._settled = False
        try:
            self._control, theirs = handover.control_pair()
            try:
                if self._signalling:
                    handover.signal_words(self._control)
                if self._token is not None:
                    self._control.send(self._token)
                names = handover.sockets_named(self._api, self._metrics, theirs)
                changes = {**self._changes, handover.VARIABLE: names}
                handed = (*self._api, *self._metrics, theirs)
                self.process = start_agent(self._command, changes, handed, self._given, self._user)
            finally:
                theirs.close()
        except OSError as error:
            self._die(str(error.strerror or error))

    def settled(self) -> bool:
        """Whether there is nothing to wait for: it is ready, or it ended."""
        self._hear()
        return self._control is None or self._settled

    def memory_notice(self) -> MemoryNotice | None:
        """What it sent last on the container's memory, once."""
        self._hear()
        notice, self._notice = self._notice, None
        return notice

    def _hear(self) -> None:
        """Take in the words it has sent."""
        while self._control is not None:
            try:
                word, variables = handover.heard(self._control)
            except BlockingIOError:
                break
            except OSError:
                word, variables = handover.ENDED, {}
            if word == handover.LEFT_OUT:
                self.left_out = variables
            elif word in (handover.MEMORY_SHORT, handover.MEMORY_UNSUPPORTED):
                self._notice = word
            elif word in (handover.READY, handover.ENDED):
                # Nothing where it has ended: what it offered before is true all the same.
                self.variables = variables or self.variables
                self._settled = True
            if word == handover.ENDED:
                break

    def send(self, word: str) -> None:
        """Send the agent a word; it may not be there, or not read it."""
        with suppress(OSError):
            if self._control is not None:
                self._control.send(word.encode(), _socket.MSG_DONTWAIT)

    def ended(self, status: int) -> None:
        """Note its death, and when to start the next incarnation, if ever.

        Args:
            status: its wait status.
        """
        self.process = None
        code = os.waitstatus_to_exitcode(status)
        reason = f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
        self._die(reason, lasting=code in _LASTING)

    def give_up(self, reason: str) -> None:
        """Start no other, log why, and refuse callers."""
        say("agent.given-up", reason=reason, deaths=len(self._deaths))
        for listener in (*self._api, *self._metrics):
            silence(listener)

    def dismiss(self) -> None:
        """Ask it to end, and start no other."""
        self._dismissed = True
        self.kill(signal.SIGTERM)

    def kill(self, number: int) -> None:
        """Send it a signal, if it is there."""
        if self.process is not None:
            os.kill(self.process, number)

    def _die(self, reason: str, *, lasting: bool = False) -> None:
        """Note a death, and log why, unless the last one had the same reason.

        Args:
            reason: in words.
            lasting: whether the next incarnation would die of it, too.
        """
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._dismissed:
            return
        now = time.monotonic()
        self._deaths = [death for death in self._deaths if now - death < _WINDOW] + [now]
        pause = None if lasting else pause_before_restart(self._deaths, now)
        if pause is None:
            self.give_up(reason)
            return
        if len(self._deaths) == 1 or reason != self._reason:
            say("agent.died", reason=reason, restart_in=f"{pause:g}s")
        self._reason = reason
        self.restart_at = now + pause


def pause_before_restart(deaths: Sequence[float], now: float) -> float | None:
    """Seconds until the agent is restarted: 0.2, 0.8, 3.2, 12.8, then None, for never.

    One that was killed is back at once; one that lacks memory for some seconds comes through.

    Args:
        deaths: when it died, monotonic seconds; only those of the last minute count.
        now: the same clock.
    """
    recent = sum(now - death < _WINDOW for death in deaths)
    return _FIRST_PAUSE * _GROWTH ** (recent - 1) if recent < _DEATHS_ALLOWED else None


def tasks_allowed(cgroups: str = _CGROUPS, tree: str = _TREE) -> int | None:
    """The limit of `docker run --pids-limit`, None where there is none, or none can be seen.

    Args:
        cgroups: where the kernel lists our cgroups, see cgroups(7).
        tree: where they are mounted.
    """
    for file in _files(cgroups, tree):
        with suppress(OSError, ValueError), open(file, "rb") as limit:  # noqa: PTH123
            return int(limit.read())
    return None


def _files(cgroups: str, tree: str) -> Iterator[str]:
    """Where the limit may be: below our path in the tree, or at the top of what we see of it."""
    with suppress(OSError), open(cgroups, "rb") as file:  # noqa: PTH123
        for cgroup in parse_cgroups(file.read().decode(errors="surrogateescape")):
            if "pids" in cgroup.controllers:
                yield f"{tree}/pids{cgroup.path}/pids.max"
            elif UNIFIED in cgroup.controllers:
                yield f"{tree}{cgroup.path}/pids.max"
    yield f"{tree}/pids/pids.max"
    yield f"{tree}/pids.max"
