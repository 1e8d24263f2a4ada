"""Starting the two children: what each owns, what each is spared."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from selfinspect.supervise.messages import say
from selfinspect.supervise.prctl import end_with_parent
from selfinspect.supervise.users import share_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selfinspect.supervise.handover import Handover
    from selfinspect.supervise.users import User

NOT_FOUND = 127
NOT_EXECUTABLE = 126

CATCHABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}

_STDIN = 0
_FIRST_DESCRIPTORS = 1024
_OOM_SCORE_RAISE = 500
_OOM_SCORE_MAX = 1000


def start_command(
    command: Sequence[str], environ: Mapping[str, str], user: User | None = None
) -> int:
    """Start the app in a process group of its own, the terminal's foreground; its process ID.

    It is killed with us, as if whoever supervises us had started the app itself.

    Raises:
        OSError: no process can be made.
    """
    group, parent = os.getpgrp(), os.getpid()

    def prepare() -> None:
        os.setpgid(0, 0)
        pass_terminal(group, os.getpid())
        if user is not None:
            share_streams(user.uid)
            user.become()
        end_with_parent(parent, signal.SIGKILL)

    return _start(command, environ, prepare)


def start_agent(
    command: Sequence[str],
    environ: Mapping[str, str],
    handover: Handover,
    user: User | None = None,
) -> int:
    """Start the agent in a session of its own, first in line for the OOM killer; its process ID.

    It is asked to end with us, while it loads too, for another's agent may take over its listeners.

    Raises:
        OSError: no process can be made.
    """
    parent = os.getpid()

    def prepare() -> None:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), _STDIN)
        handover.let_inherit()
        with suppress(OSError):
            _raise_oom_score()
        if user is not None:
            user.become()
        end_with_parent(parent, signal.SIGTERM)

    return _start(command, environ, prepare)


def start_writer(write: Callable[[], None]) -> int:
    """Start a process that writes something and ends; its process ID.

    It holds nothing open of ours, for it may hang as long as what it writes to.

    Raises:
        OSError: no process can be made.
    """
    process = os.fork()
    if process:
        return process
    try:
        os.closerange(0, _FIRST_DESCRIPTORS)
        write()
    finally:
        os._exit(0)


def pass_terminal(owner: int, heir: int) -> None:
    """Make another process group the foreground of the terminal that is our input, if any.

    Left alone where `owner` has not the foreground: whoever put us in the background meant it.
    """
    if has_terminal(owner):
        with suppress(OSError):
            os.tcsetpgrp(_STDIN, heir)


def has_terminal(group: int) -> bool:
    """Whether a process group is the foreground of the terminal that is our input, if any."""
    try:
        return os.tcgetpgrp(_STDIN) == group
    except OSError:
        return False


def exit_code(status: int) -> int:
    """The exit code a shell would give a wait status: 128 + signal for one that was killed."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _start(command: Sequence[str], environ: Mapping[str, str], prepare: Callable[[], None]) -> int:
    process = os.fork()
    if process:
        return process
    code = NOT_EXECUTABLE
    try:
        # `execvpe` asks this too, and loads a module for it, which another user may not read.
        os.get_exec_path(environ)
        prepare()
        # After `prepare`: taking the terminal from the background is safe only while
        # SIGTTOU is blocked.
        for number in CATCHABLE:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(command[0], list(command), environ)  # noqa: S606
    except Exception as error:  # noqa: BLE001 - told, whatever it is: nobody else could
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            code = NOT_FOUND
        say("start.failed", command=command[0], error=getattr(error, "strerror", None) or error)
    finally:
        os._exit(code)


def _raise_oom_score() -> None:
    with open("/proc/self/oom_score_adj", "r+") as file:  # noqa: PTH123
        score = int(file.read())
        file.write(str(min(score + _OOM_SCORE_RAISE, _OOM_SCORE_MAX)))
