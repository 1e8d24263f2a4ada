"""The command line: one file a verb family."""

from __future__ import annotations

import errno
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selfinspect import __version__
from selfinspect.cli.streams import Streams, of_this_process, streams_of
from selfinspect.cli.verb import MEANINGS, ExitCode, Verb, exit_code, write_exits
from selfinspect.errors import SelfinspectError

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROGRAM = "selfinspect"
_COMPLETE = "_SELFINSPECT_COMPLETE"
INTERRUPTED = 128 + signal.SIGINT
UNREAD = 128 + signal.SIGPIPE
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

_VERBS = {
    "run": "selfinspect.cli:run",
    "serve": "selfinspect.cli.serve:serve",
    "id": "selfinspect.cli.show:identify",
    "show": "selfinspect.cli.show:show",
    "inspect": "selfinspect.cli.show:inspect",
    "stats": "selfinspect.cli.stats:stats",
    "events": "selfinspect.cli.events:events",
    "runs": "selfinspect.cli.runs:runs",
    "top": "selfinspect.cli.stats:top",
    "logs": "selfinspect.cli.logs:logs",
    "env": "selfinspect.cli.env:env",
    "wait": "selfinspect.cli.wait:wait",
    "doctor": "selfinspect.cli.doctor:doctor",
    "healthcheck": "selfinspect.cli.wait:healthcheck",
    "help": "selfinspect.cli.help:help_",
    "version": "selfinspect.cli:version",
}
"""Where each verb is, in the order in which a person meets them."""


class Verbs(click.Group):
    """The verbs, each loaded when it is called: `healthcheck` runs every minute."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All of them."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb of that name."""
        if cmd_name not in _VERBS:
            return None
        module, _, name = _VERBS[cmd_name].partition(":")
        verb: click.Command = getattr(import_module(module), name)
        return verb

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the first word names; where it names none, a list of those there are."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            there = ", ".join(_VERBS)
            raise click.UsageError(f"no verb {args[0]!r}: takes {there}", ctx) from error

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """What holds for every verb."""
        write_exits(MEANINGS, formatter)
        formatter.write_paragraph()
        formatter.write_text(_FOR_ALL.strip())


_FOR_ALL = """
A verb asks this container's agent, where one runs and no option says how to look instead; else it
looks for itself. An option that says where or how is a variable as well: SELFINSPECT_ENGINE is
--engine.

Completion for bash: eval "$(_SELFINSPECT_COMPLETE=bash_source selfinspect)", with zsh_source for
zsh. For fish: _SELFINSPECT_COMPLETE=fish_source selfinspect | source.
"""


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="selfinspect %(version)s", help="Print the version.")
def selfinspect() -> None:
    """What this container knows about itself: which it is, proven, its inspect, stats, events."""


@click.command(cls=Verb)
def run() -> None:
    """Run a command with the agent beside it, in an ENTRYPOINT.

    It comes first on the command line: selfinspect run [OPTIONS] -- CMD…
    """
    raise click.UsageError("run comes first on the command line")


@click.command(cls=Verb)
@streams_of
def version(streams: Streams) -> None:
    """Print the version."""
    print(f"selfinspect {__version__}", file=streams.out)


def main(arguments: Sequence[str] | None = None, streams: Streams | None = None) -> int:
    """Run a verb and return its exit code.

    Args:
        arguments: what follows the program's name; this process's own by default.
        streams: this process's own by default.
    """
    streams = streams or of_this_process()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        asked = streams.environ.get(_COMPLETE)
        return _complete(asked) if asked else _run(words, streams)
    except BrokenPipeError:
        _lead_nowhere(streams)
        return UNREAD
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        _lead_nowhere(streams)
        streams.complain(f"cannot write: {error.strerror}")
        return ExitCode.NO


def _complete(asked: str) -> int:
    """What a shell asks for: its script, or what could come next on its command line."""
    from click.shell_completion import shell_complete  # noqa: PLC0415

    return shell_complete(selfinspect, {}, _PROGRAM, _COMPLETE, asked)


def _run(words: list[str], streams: Streams) -> int:
    """Not by click's own `main`, to which a reader that has enough is the answer no."""
    try:
        with selfinspect.make_context(_PROGRAM, words, obj=streams) as context:
            result = selfinspect.invoke(context)
        streams.out.flush()
    except click.exceptions.Exit as end:
        sys.stdout.flush()
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=streams.err)
        return ExitCode.USAGE
    except click.UsageError as error:
        verb = error.ctx.command_path if error.ctx else _PROGRAM
        print(f"{verb}: error: {error.format_message()}", file=streams.err)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        if streams.err.isatty():
            print(file=streams.err)  # below the terminal's ^C
        return INTERRUPTED
    except SelfinspectError as error:
        streams.report(error)
        return exit_code(error)
    return result if isinstance(result, int) else ExitCode.OK


def _lead_nowhere(streams: Streams) -> None:
    """What the interpreter flushes at its end goes nowhere, too."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), streams.out.fileno())
