"""Starting the two children: what each owns, what each is spared."""

from __future__ import annotations

import errno
import os

from selfinspect.supervise.messages import say, suppress
from selfinspect.supervise.prctl import end_with_parent
from selfinspect.supervise.signals import signal
from selfinspect.supervise.users import share_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Mapping, Sequence

    from selfinspect.supervise.signals import Given
    from selfinspect.supervise.users import User

NOT_FOUND = 127
NOT_EXECUTABLE = 126

_STDIN = 0
_FIRST_DESCRIPTORS = 1024
_OOM_SCORE_RAISE = 500
_OOM_SCORE_MAX = 1000
_SHELL = "/bin/sh"
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

    It is killed with us, as if whoever supervises us had started the app itself.

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
        end_with_parent(parent, signal.SIGKILL)
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

    It is asked to end with us, while it loads too, for another's agent may take over its listeners.

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
        end_with_parent(parent, signal.SIGTERM)
        given.clear()

    return _start(command, changes, prepare, {})


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
    except Exception as error:  # noqa: BLE001 - told, whatever it is: nobody else could
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

    A file that is no program the kernel knows, as a script without `#!`, is the shell's.

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
