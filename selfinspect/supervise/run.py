"""`selfinspect run [options] -- CMD…`: from the command line to the exit code."""

from __future__ import annotations

import os
import sys

from selfinspect.listen import DEFAULT_API, DEFAULT_METRICS
from selfinspect.supervise import handover
from selfinspect.supervise.agent import Agent
from selfinspect.supervise.announcement import URI_FILE, announce
from selfinspect.supervise.arguments import HELP, Arguments, asks_for_help
from selfinspect.supervise.listeners import bound, claim
from selfinspect.supervise.messages import say
from selfinspect.supervise.supervisor import Supervisor, block_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USAGE = 125
URI = "SELFINSPECT_URI"


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command with the agent of this very program beside it; the exit code.

    Args:
        arguments: what follows `run`.
        environ: the environment to derive the command's and the agent's from.
    """
    return run(arguments, environ, [*_this_program(1 + len(arguments)), "serve"])


def run(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    agent_command: Sequence[str],
    uri_file: str = URI_FILE,
) -> int:
    """The same with any program as the agent, which gets the agent's options added."""
    if asks_for_help(arguments):
        sys.stdout.write(HELP)
        return 0
    try:
        parsed = Arguments(arguments, environ)
    except ValueError as error:
        say(f"error: {error}")
        return USAGE
    block_signals()
    api = claim(parsed.listen, DEFAULT_API)
    metrics = (
        [] if parsed.metrics_listen == ["off"] else claim(parsed.metrics_listen, DEFAULT_METRICS)
    )
    uri = bound(api[0]).uri() if api else None
    base = {name: environ[name] for name in environ if name not in (URI, handover.VARIABLE)}
    agent = Agent(
        [*agent_command, *parsed.agent_options],
        {"SELFINSPECT_LOG_LEVEL": "warning", **base},
        api,
        metrics,
    )
    announce(uri, uri_file)
    command_environ = base if uri is None else {**base, URI: uri}
    code = Supervisor(parsed.command, command_environ, agent, parsed.wait).run()
    announce(None, uri_file)
    return code


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
