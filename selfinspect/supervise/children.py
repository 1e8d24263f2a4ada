"""The processes below PID 1: the children it starts, the orphans it inherits, what is left of them.

prctl(2) is reached by the `_ctypes` that the interpreter has: `ctypes` would cost 5 ms and 0.7 MiB
more. Where that cannot be loaded, we go without.
"""

from __future__ import annotations

import errno
import os
import time

from selfinspect.supervise.messages import say, suppress
from selfinspect.supervise.signals import signal
from selfinspect.supervise.users import share_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from selfinspect.supervise.signals import Given
    from selfinspect.supervise.users import User

NOT_FOUND = 127
NOT_EXECUTABLE = 126

_STDIN = 0
_FIRST_DESCRIPTORS = 1024
_OOM_SCORE_RAISE = 500
_OOM_SCORE_MAX = 1000
_SHELL = "/bin/sh"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LOOK = 0.02
_LONGEST_KILL = 1.0
_GONE = (b"Z", b"X")
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD of the kernel's sched.h
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV, errno.ETIMEDOUT)


def start_command(
    command: Sequence[str],
    changes: Mapping[str, str | None],
    given: Given,
    user: User | None = None,
    *,
    optional: Mapping[str, str] | None = None,
) -> int:
    """Start the app in a process group of its own, the terminal's foreground; its process ID.

    It is killed with us, as if our own supervisor had started the app.

    Args:
        command: its words.
        changes: what its environment has that ours has not; None takes a variable away.
        given: the signals' mask and actions to start with.
        user: who it runs as, None for our own user.
        optional: what else its environment has, unless it were too large with that.

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
        _end_with_parent(parent, signal.SIGKILL)
        # Last: taking the terminal from the background is safe only while SIGTTOU is blocked.
        given.restore()

    return _start(command, changes, prepare, optional or {})


def start_agent(
    command: Sequence[str],
    changes: Mapping[str, str | None],
    handed: Sequence[_socket.socket],
    given: Given,
    user: User | None = None,
) -> int:
    """Start the agent in a session of its own, first in line for the OOM killer; its process ID.

    It ends with us, also while it loads: another agent may take over its listeners.

    Args:
        command: its words.
        changes: what its environment has that ours has not; None takes a variable away.
        handed: the sockets that outlive `exec`.
        given: the signals' mask and actions that `run` was started with.
        user: who it runs as, None for our own user.

    Raises:
        OSError: no process can be made.
    """
    parent = os.getpid()

    def prepare() -> None:
        os.setsid()
        os.dup2(_empty_input(), _STDIN)
        for each in handed:
            os.set_inheritable(each.fileno(), True)  # noqa: FBT003
        with suppress(OSError):
            _raise_oom_score()
        if user is not None:
            user.become()
        _end_with_parent(parent, signal.SIGTERM)
        given.clear()

    return _start(command, changes, prepare, {})


def start_writer(write: Callable[[], None]) -> int | None:
    """Have a process of its own write something: a disk that hangs must not hold us up.

    It holds nothing open of ours, for it may hang as long as what it writes to.

    Returns:
        Its process ID, None where no process can be made.
    """
    try:
        process = os.fork()
    except OSError:
        return None
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


def inherit_orphans() -> None:
    """Have the orphans below us become our children.

    In a PID namespace that is shared, PID 1 may be another's app that reaps none.
    """
    if os.getpid() != 1:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_rest(seconds: float, spared: Collection[int], reap: Callable[[], None]) -> None:
    """Send TERM to the processes that are left, and KILL to those that have not ended in time.

    Args:
        seconds: how long it may take.
        spared: processes that are left alone, with all below them.
        reap: reaps children that have ended.
    """
    until = time.monotonic() + seconds
    asked: set[int] = set()
    while (rest := left(spared)) and time.monotonic() < until + _LONGEST_KILL:
        overdue = time.monotonic() >= until
        for process in rest if overdue else rest - asked:
            # A stopped process would not see that it is to end.
            _send(process, *((signal.SIGKILL,) if overdue else (signal.SIGTERM, signal.SIGCONT)))
        asked |= rest
        signal.sigtimedwait({signal.SIGCHLD}, _LOOK)
        reap()


def left(spared: Collection[int], proc: str = "/proc") -> set[int]:
    """The processes that still run: all others of a PID namespace of our own, else those below us.

    Empty where this is the `/proc` of another PID namespace, or there is none.

    Args:
        spared: processes to leave out, with all below them.
        proc: where the kernel shows processes.
    """
    ours = os.getpid()
    with suppress(OSError):
        if os.readlink(f"{proc}/self") == str(ours):  # noqa: PTH115
            parents = _parents(proc)
            below = _below(spared, parents).union(spared)
            every = set(parents) if ours == 1 else _below((ours,), parents)
            return every - below - {ours}
    return set()


def _start(
    command: Sequence[str],
    changes: Mapping[str, str | None],
    prepare: Callable[[], None],
    optional: Mapping[str, str],
) -> int:
    process = os.fork()
    if process:
        return process
    code = NOT_EXECUTABLE
    try:
        prepare()
        _change_environment({**changes, **optional})
        path = changes.get("PATH") or os.environ.get("PATH", os.defpath)
        try:
            _become(list(command), path)
        except OSError as error:
            if error.errno != errno.E2BIG or not optional:
                raise
            say("start.too-large", left_out=",".join(optional))
            given = {name: os.environ.get(name) for name in optional}
            _change_environment({**given, **changes})
            _become(list(command), path)
    except Exception as error:  # noqa: BLE001 - said, whatever it is: nobody else could
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            code = NOT_FOUND
        say("start.failed", command=command[0], error=getattr(error, "strerror", None) or error)
    finally:
        os._exit(code)


def _change_environment(changes: Mapping[str, str | None]) -> None:
    for name, value in changes.items():
        if value is None:
            os.unsetenv(name)
        else:
            os.putenv(name, value)


def _become(command: list[str], path: str) -> None:
    """Become a program with the environment of this process, found as execvp(3) finds it.

    A file in no format that the kernel runs, such as a script without `#!`, is the shell's.

    Raises:
        OSError: it is not there, or cannot be run.
    """
    name = command[0]
    folders = [""] if "/" in name else path.split(":") if name else []
    failure = OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    for folder in folders:
        file = f"{folder}/{name}" if folder else name
        try:
            os.execv(file, command)  # noqa: S606
        except OSError as error:
            if error.errno == errno.ENOEXEC:
                os.execv(_SHELL, [_SHELL, file, *command[1:]])  # noqa: S606
            elif error.errno not in (errno.EACCES, *_ABSENT):
                raise
            # What is there and may not be run says more than what is not there.
            if error.errno == errno.EACCES or failure.errno == errno.ENOENT:
                failure = error
    raise failure


def _empty_input() -> int:
    """A descriptor that reads as ended: the null device, or a pipe to which nobody writes."""
    try:
        return os.open(os.devnull, os.O_RDONLY)
    except OSError:
        reader, writer = os.pipe()
        os.close(writer)
        return reader


def _raise_oom_score() -> None:
    with open("/proc/self/oom_score_adj", "r+") as file:  # noqa: PTH123
        score = int(file.read())
        file.write(str(min(score + _OOM_SCORE_RAISE, _OOM_SCORE_MAX)))


def _end_with_parent(parent: int, number: int) -> None:
    """Have the kernel send us a signal as soon as our parent is dead.

    With PID 1 all end. Another parent may be killed by its supervisor and restarted beside what it
    has left. A change of user clears this, so it has to come first.

    Args:
        parent: its process ID.
        number: the signal.
    """
    if parent == 1:
        return
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it was dead before it could be watched
        os.kill(os.getpid(), number)


def _prctl(option: int, argument: int) -> None:
    try:
        from _ctypes import call_function, dlopen, dlsym  # noqa: PLC0415

        this_program: Any = None  # and every library in it
        call_function(dlsym(dlopen(this_program, 0), "prctl"), (option, argument, 0, 0, 0))
    except (ImportError, OSError, MemoryError, AttributeError):
        pass


def _below(roots: Collection[int], parents: dict[int, int]) -> set[int]:
    """The processes whose parent, or parent's parent and so on, is one of the roots."""
    found: set[int] = set()
    generation = set(roots)
    while generation:
        generation = {each for each, parent in parents.items() if parent in generation} - found
        found |= generation
    return found


def _parents(proc: str) -> dict[int, int]:
    """Every process that has not ended, and its parent; of proc_pid_stat(5)."""
    parents = {}
    for name in os.listdir(proc):  # noqa: PTH208 - pathlib would cost PID 1 half a megabyte
        if name.isdecimal():
            with suppress(OSError), open(f"{proc}/{name}/stat", "rb") as file:  # noqa: PTH123
                # The name in parentheses may hold anything.
                state, parent, *others = file.read().rpartition(b") ")[2].split()
                if state not in _GONE and not int(others[4]) & _KERNEL_THREAD:
                    parents[int(name)] = int(parent)
    return parents


def _send(process: int, *numbers: int) -> None:
    with suppress(OSError):
        for number in numbers:
            os.kill(process, number)
