"""`selfinspect run [options] -- CMD…`: from the command line to the exit code.

The command inherits the environment of the process itself, entries that a mapping could not hold
(without a name, without `=`, or twice) as they are; what differs is a change: a value, or None for
a variable to take away.
"""

from __future__ import annotations

import os
import sys

from selfinspect.listen import DEFAULT_API, DEFAULT_METRICS, URI_FILE, uri_of
from selfinspect.supervise import handover
from selfinspect.supervise.agent import AgentProcess, tasks_allowed
from selfinspect.supervise.announcement import TOKEN_VARIABLE, Announcement, provide, take_away
from selfinspect.supervise.arguments import HELP, Arguments, asks_for_help
from selfinspect.supervise.command import Command
from selfinspect.supervise.listeners import bound, claim, share, usual_metrics
from selfinspect.supervise.messages import say, suppress
from selfinspect.supervise.record import Record, text_of
from selfinspect.supervise.signals import block_signals
from selfinspect.supervise.stopping import StopNotice
from selfinspect.supervise.supervisor import Supervisor
from selfinspect.supervise.users import engine_groups, find_user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from selfinspect.exports.own import Wanted
    from selfinspect.supervise.users import User

_USAGE = 125
_URI = "SELFINSPECT_URI"
_STOP_TIMEOUT = "SELFINSPECT_STOP_TIMEOUT"

_STREAMS = (0, 1, 2)

# glibc else keeps a pool of memory for each of many threads: MiB, once requests come together.
_MEMORY = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536"}
_DEFAULTS = {"SELFINSPECT_LOG_LEVEL": "warning", **_MEMORY}

# The agent gets its addresses as options, those that can be parsed.
_NOT_INHERITED = dict.fromkeys((_URI, "SELFINSPECT_LISTEN", "SELFINSPECT_METRICS_LISTEN"))

# The name under which the folder with an interpreter of its own (deploy/standalone.sh) keeps
# LD_PRELOAD from that interpreter: a library of the image's fits the image's C library.
_PRELOAD = "SELFINSPECT_LD_PRELOAD"
_LOCALE = "LC_CTYPE"


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
        return _USAGE
    _keep_stream_numbers()
    for line in parsed.passed_over:
        say(f"warning: {line}; ignored")
    api = claim(parsed.listen, DEFAULT_API)
    metrics_listen = parsed.metrics_listen
    metrics = claim(metrics_listen, usual_metrics() if metrics_listen is None else DEFAULT_METRICS)
    if agent_user is not None:
        agent_user = agent_user.joining(engine_groups(parsed.engine, environ))
    announcement = Announcement(uri_file)
    token_path = f"{os.path.dirname(uri_file)}/token"  # noqa: PTH120
    if not announcement.is_ours:
        token_path += f"-{os.getpid()}"  # the usual place may be another agent's
    token, token_file = provide(parsed.token_file, token_path, user.uid if user else None)
    stop_timeout = parsed.stop_timeout
    agent = AgentProcess(
        [*agent_command, *parsed.agent_options],
        {
            **_NOT_INHERITED,
            # A wrong variable is not handed on.
            _STOP_TIMEOUT: None if stop_timeout is None else f"{stop_timeout:f}s",
            # An empty variable counts as unset.
            **{name: value for name, value in _DEFAULTS.items() if not environ.get(name)},
            **_home(agent_user),
        },
        api,
        metrics,
        given=given,
        user=agent_user,
        token=token,
        signalling=parsed.on_memory is not None,
    )
    uri = uri_of([bound(each) for each in api], tls=parsed.tls)
    announcement.write(uri)
    stale, sizes = _exports(parsed.exports, environ) if parsed.exports else ((), {})
    changes = {
        **changes_back(environ),
        **dict.fromkeys(stale),
        handover.VARIABLE: None,
        _URI: uri,
        TOKEN_VARIABLE: token_file,
        **_home(user),
    }
    if user is not None:
        share(api, user.gid)
    command = Command(parsed, changes, given, user, sizes)
    # A second `run` in a container is none of its runs.
    mounts = text_of(mountinfo_file) if announcement.is_ours else ""
    code = Supervisor(
        parsed,
        command,
        agent,
        Record(parsed.journal, mounts, agent_user),
        StopNotice(announcement, agent, command, stop_timeout, parsed.last_signal),
        given=given,
        tasks=tasks_allowed(),
    ).run()
    announcement.withdraw()
    if token is not None:
        take_away(token_path)
    return code


def _exports(
    exports: Wanted, environ: Mapping[str, str]
) -> tuple[Sequence[str], Mapping[str, str]]:
    """What PID 1 does itself for `--export-env`: the stale facts to remove, and the sizes.

    Its modules are loaded only where it is asked for.
    """
    from selfinspect.exports.own import is_exported  # noqa: PLC0415
    from selfinspect.exports.size import sizes  # noqa: PLC0415
    from selfinspect.kernel.limits import read_room  # noqa: PLC0415

    stale = [*filter(is_exported, environ)] if exports.own else []
    return stale, sizes(read_room(), exports.runtimes, environ) if exports.runtimes else {}


def _keep_stream_numbers() -> None:
    """Take the number of each standard stream that is closed, lest a file of ours get it.

    For the command it stays closed. The root folder can be opened where there is no device.
    """
    for stream in _STREAMS:
        try:
            os.fstat(stream)
        except OSError:
            os.open("/", os.O_PATH | os.O_CLOEXEC)


def _home(user: User | None) -> dict[str, str]:
    """The variable that changes with the user: root's home is not for others."""
    return {} if user is None else {"HOME": user.home}


def _this_program(others: int) -> list[str]:
    """How this program was started, without its last words.

    From the kernel: a loader named before the interpreter, as in a folder with a C library of its
    own, is nowhere in `sys`.
    """
    try:
        with open("/proc/self/cmdline", "rb") as file:  # noqa: PTH123
            whole = os.fsdecode(file.read()).split("\0")[:-1]
    except OSError:
        whole = [sys.executable, *sys.orig_argv[1:]]
    return whole[:-others]


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
