"""`selfinspect run [options] -- CMD…`: from the command line to the exit code.

What the start of this interpreter has made of the environment that the container was given.

The command inherits the environment of the process itself, entries that a mapping could not hold
(without a name, without `=`, or twice) as they are; what differs is a change: a value, or None for
a variable to take away.

How many tasks the container may have, and whether that leaves room for an agent.
"""

from __future__ import annotations

import os
import sys

from selfinspect.listen import DEFAULT_API, DEFAULT_METRICS, uri_of
from selfinspect.supervise import listeners
from selfinspect.supervise.agent import Agent, tasks_allowed
from selfinspect.supervise.announcement import URI_FILE, Announcement, provide, take_away
from selfinspect.supervise.announcement import VARIABLE as TOKEN_FILE
from selfinspect.supervise.arguments import HELP, Arguments, asks_for_help
from selfinspect.supervise.command import Command
from selfinspect.supervise.listeners import bound, claim, share, usual_metrics
from selfinspect.supervise.messages import say, suppress
from selfinspect.supervise.record import Record, read
from selfinspect.supervise.signals import block_signals
from selfinspect.supervise.stopping import Stopping
from selfinspect.supervise.supervisor import Supervisor
from selfinspect.supervise.users import engine_groups, find_user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from selfinspect.exports.own import Wanted
    from selfinspect.supervise.users import User

USAGE = 125
URI = "SELFINSPECT_URI"

_STREAMS = (0, 1, 2)

# glibc else keeps a pool of memory for each of many threads: MiB, once requests come together.
_MEMORY = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}
_OF_THE_AGENT = {"SELFINSPECT_LOG_LEVEL": "warning", **_MEMORY}

# Where to listen stands among the agent's options, as far as it can be understood.
_NOT_INHERITED = dict.fromkeys((URI, "SELFINSPECT_LISTEN", "SELFINSPECT_METRICS_LISTEN"))


def main(
    arguments: Sequence[str], environ: Mapping[str, str], mask: Collection[int] | None = None
) -> int:
    """Run a command with the agent of this very program beside it; the exit code.

    Args:
        arguments: what follows `run`.
        environ: the environment of this process, which the command and the agent inherit.
        mask: the signals that were blocked before all were, where that has been done already.
    """
    agent_command = [*_this_program(1 + len(arguments)), "serve"]
    return run(arguments, environ, agent_command, mask=mask)


def run(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    agent_command: Sequence[str],
    uri_file: str = URI_FILE,
    mountinfo_file: str = "/proc/self/mountinfo",
    *,
    mask: Collection[int] | None = None,
) -> int:
    """The same with any program as the agent, which gets the agent's options added."""
    if asks_for_help(arguments):
        with suppress(OSError):
            os.write(1, HELP.encode())
        return 0
    given = block_signals(mask)
    try:
        parsed = Arguments(arguments, environ)
        user = find_user("--user", parsed.user)
        agent_user = find_user("--agent-user", parsed.agent_user)
    except ValueError as error:
        say(f"error: {error}")
        return USAGE
    _keep_stream_numbers()
    for line in parsed.passed_over:
        say(f"warning: {line}; passed over")
    api = claim(parsed.listen, DEFAULT_API)
    metrics_listen = parsed.metrics_listen
    metrics = claim(metrics_listen, usual_metrics() if metrics_listen is None else DEFAULT_METRICS)
    if agent_user is not None:
        agent_user = agent_user.joining(engine_groups(parsed.engine, environ))
    announcement = Announcement(uri_file)
    token_path = _token_path(uri_file, shared=not announcement.is_ours)
    token, token_file = provide(parsed.token_file, token_path, user.uid if user else None)
    agent = Agent(
        [*agent_command, *parsed.agent_options],
        {
            **_NOT_INHERITED,
            **_stop_timeout(parsed.stop_timeout),
            **_defaults(environ),
            **_home(agent_user),
        },
        api,
        metrics,
        given=given,
        user=agent_user,
        token=token,
    )
    uri = uri_of([bound(each) for each in api], tls=parsed.tls)
    announcement.write(uri)
    changes = {
        **changes_back(environ),
        **(_exports(parsed.exports, environ) if parsed.exports else {}),
        listeners.VARIABLE: None,
        URI: uri,
        TOKEN_FILE: token_file,
        **_home(user),
    }
    if user is not None:
        share(api, user.gid)
    command = Command(
        parsed.command,
        changes,
        given=given,
        exports=parsed.exports,
        user=user,
        whole_group=parsed.signal_group,
    )
    # A second `run` in a container is none of its runs.
    mounts = read(mountinfo_file) if announcement.is_ours else ""
    record = Record(parsed.journal, mounts, agent_user)
    supervisor = Supervisor(
        command,
        agent,
        parsed.wait,
        record,
        stopping=Stopping(announcement, agent, command, parsed.stop_timeout, parsed.last_signal),
        given=given,
        rewrites=parsed.rewrites,
        expected=parsed.expected,
        end_rest=parsed.end_rest,
        tasks=tasks_allowed(),
    )
    code = supervisor.run()
    announcement.withdraw()
    if token is not None:
        take_away(token_path)
    return code


def _exports(exports: Wanted, environ: Mapping[str, str]) -> dict[str, str | None]:
    """What PID 1 itself does for `--export-env`: sizes, and no fact of another container's.

    Loaded only for those who want it.
    """
    from selfinspect.exports.own import is_exported  # noqa: PLC0415
    from selfinspect.exports.size import sizes  # noqa: PLC0415
    from selfinspect.kernel.limits import read_room  # noqa: PLC0415

    stale = filter(is_exported, environ) if exports.own else ()
    found = sizes(read_room(), exports.runtimes, environ) if exports.runtimes else {}
    return {**dict.fromkeys(stale), **found}


def _keep_stream_numbers() -> None:
    """Where a standard stream is closed, let nothing of ours have its number.

    For the command it stays closed. The root folder is there to be opened where no device is.
    """
    for stream in _STREAMS:
        try:
            os.fstat(stream)
        except OSError:
            os.open("/", os.O_PATH | os.O_CLOEXEC)


def _token_path(uri_file: str, *, shared: bool) -> str:
    """Where a token of our own is left: the usual place may be another agent's."""
    path = f"{os.path.dirname(uri_file)}/token"  # noqa: PTH120
    return f"{path}-{os.getpid()}" if shared else path


def _defaults(environ: Mapping[str, str]) -> dict[str, str]:
    """What is another default for an agent beside a command; an empty variable says nothing."""
    return {name: value for name, value in _OF_THE_AGENT.items() if not environ.get(name)}


def _stop_timeout(seconds: float | None) -> dict[str, str | None]:
    """The option as the agent's, which tells others of it; a wrong variable is not handed on."""
    return {"SELFINSPECT_STOP_TIMEOUT": None if seconds is None else f"{seconds:f}s"}


def _home(user: User | None) -> dict[str, str]:
    """The variable that changes with the user: root's folder is not for others."""
    return {} if user is None else {"HOME": user.home}


def _this_program(others: int) -> list[str]:
    """How this program was started, less its last words.

    As the kernel has it: a loader named before the interpreter, as in a folder that brings its
    own C library, is nowhere in `sys`.
    """
    try:
        with open("/proc/self/cmdline", "rb") as file:  # noqa: PTH123
            whole = os.fsdecode(file.read()).split("\0")[:-1]
    except OSError:
        whole = [sys.executable, *sys.orig_argv[1:]]
    return whole[:-others]


# The name under which the folder with an interpreter of its own (deploy/standalone.sh) keeps
# LD_PRELOAD from that interpreter: a library of the image's fits the image's C library.
_PRELOAD = "SELFINSPECT_LD_PRELOAD"
_LOCALE = "LC_CTYPE"


def changes_back(
    environ: Mapping[str, str], file: str = "/proc/self/environ"
) -> dict[str, str | None]:
    """The changes that undo those of the interpreter's start.

    Python itself sets `LC_CTYPE` where the locale is C's.

    Args:
        environ: the interpreter's.
        file: where the kernel has what this process was started with.
    """
    changes: dict[str, str | None] = {}
    if _PRELOAD in environ:
        changes["LD_PRELOAD"] = environ[_PRELOAD]
        changes[_PRELOAD] = None
    if _LOCALE in environ:
        try:
            given = _value(_LOCALE.encode(), file)
        except OSError:
            return changes
        if given != environ[_LOCALE]:
            changes[_LOCALE] = given
    return changes


def _value(name: bytes, file: str) -> str | None:
    """A variable's value at this process's start, None where it had none.

    Raises:
        OSError: the kernel does not show it.
    """
    with open(file, "rb") as started_with:  # noqa: PTH123
        for entry in started_with.read().split(b"\0"):
            key, _, value = entry.partition(b"=")
            if key == name:
                return value.decode(errors="surrogateescape")
    return None
