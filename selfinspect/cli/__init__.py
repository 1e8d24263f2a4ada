"""The command line: one file a verb family."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selfinspect import __version__, agent
from selfinspect.cli.streams import Streams, of_this_process, streams_of, table
from selfinspect.cli.verb import MEANINGS, ExitCode, Verb, exit_code, write_examples, write_exits
from selfinspect.errors import SelfinspectError
from selfinspect.settings import Settings
from selfinspect.terminal import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.resources.abc import Traversable

    from selfinspect.agent import Serve

_PROGRAM = "selfinspect"
_TOPIC = ".md"
_COMMENT = re.compile(r"^<!-- .* -->\n", re.MULTILINE)
_BLOCK = re.compile(r"```.*?\n```|^ *\S.*?(?=\n\n|\s*\Z)", re.MULTILINE | re.DOTALL)
_ITEM = re.compile(r"(?:-|\d+\.) ")
_BETWEEN_ITEMS = re.compile(rf"\n(?={_ITEM.pattern})")
_BETWEEN_CELLS = re.compile(r"(?<!\\)\|")
_WIDEST_TEXT = 100
_COMPLETE = "_SELFINSPECT_COMPLETE"
INTERRUPTED = 128 + signal.SIGINT
UNREAD = 128 + signal.SIGPIPE
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

_VERBS = {
    "run": "selfinspect.cli:run",
    "serve": "selfinspect.cli.options:serve",
    "id": "selfinspect.cli.show:identify",
    "show": "selfinspect.cli.show:show",
    "inspect": "selfinspect.cli.show:inspect",
    "stats": "selfinspect.cli.stats:stats",
    "events": "selfinspect.cli.events:events",
    "runs": "selfinspect.cli.events:runs",
    "top": "selfinspect.cli.stats:top",
    "logs": "selfinspect.cli.logs:logs",
    "env": "selfinspect.cli.env:env",
    "open": "selfinspect.cli.wait:open_",
    "wait": "selfinspect.cli.wait:wait",
    "doctor": "selfinspect.cli.doctor:doctor",
    "healthcheck": "selfinspect.cli.wait:healthcheck",
    "help": "selfinspect.cli:help_",
    "version": "selfinspect.cli:version",
}
"""Where each verb is, in the order in which the help lists them."""


class Verbs(click.Group):
    """The verbs, each loaded only when it is called: `healthcheck` runs every minute."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All verbs."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb of that name."""
        return _loaded(cmd_name) if cmd_name in _VERBS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the first word names; else the error says which one may be meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            from difflib import get_close_matches  # noqa: PLC0415 - for an error alone

            close = get_close_matches(args[0], _VERBS, n=1)
            meant = f"did you mean {close[0]}? It takes" if close else "takes"
            there = ", ".join(_VERBS)
            raise click.UsageError(f"no verb {args[0]!r}: {meant} {there}", ctx) from error

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Examples, and what is true of every verb."""
        write_examples(_EXAMPLES, formatter)
        write_exits(MEANINGS, formatter)
        formatter.write_paragraph()
        formatter.write_text(_FOR_ALL.strip())


def _loaded(verb: str) -> click.Command:
    module, _, name = _VERBS[verb].partition(":")
    command: click.Command = getattr(import_module(module), name)
    return command


_EXAMPLES = ("selfinspect doctor", "selfinspect show ports/8080/tcp", "selfinspect help security")
_FOR_ALL = """
A verb asks this container's agent where one runs and no option says how to look instead; else it
looks for itself. An option that says where or how to look is a variable as well:
SELFINSPECT_ENGINE is --engine.

Completion for bash: eval "$(_SELFINSPECT_COMPLETE=bash_source selfinspect)", with zsh_source for
zsh. For fish: _SELFINSPECT_COMPLETE=fish_source selfinspect | source.
"""


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__,
    "-v",
    "--version",
    message=f"{_PROGRAM} %(version)s",
    help="Print the version.",
)
def selfinspect() -> None:
    """Which container this is, proven; its inspect data, stats and events."""


@click.command(cls=Verb, examples=("selfinspect run -- python3 app.py",))
def run() -> None:
    """Run a command with the agent beside it, in an ENTRYPOINT.

    It comes first on the command line: selfinspect run [OPTIONS] -- CMD…
    """
    raise click.UsageError("run comes first on the command line")


def _topics() -> dict[str, Traversable]:
    """The pages of the reference by name."""
    from importlib.resources import files  # noqa: PLC0415 - in a folder or in an archive

    pages = files("selfinspect").joinpath("help").iterdir()
    named = {page.name.removesuffix(_TOPIC): page for page in pages if page.name.endswith(_TOPIC)}
    return dict(sorted(named.items()))


def _complete_topic(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    names = sorted({*_topics(), *_VERBS})
    return [name for name in names if name.startswith(incomplete)]


@click.command("help", cls=Verb, examples=("selfinspect help security", "selfinspect help show"))
@click.argument("topic", required=False, shell_complete=_complete_topic)
@streams_of
def help_(streams: Streams, /, topic: str | None) -> None:
    """Print a topic of the reference, or how a verb is used.

    A topic is Markdown; on a terminal it is laid out for its width, and shown by PAGER or less.
    Where a topic and a verb have the same name it is the topic. Without a name the verbs and the
    topics are listed.
    """
    topics = _topics()
    names = ", ".join(topics)
    root = click.get_current_context().find_root()
    if topic is None:
        print(root.get_help(), file=streams.out)
        print("\n" + click.wrap_text(f"Topics: {names}"), file=streams.out)
    elif topic in topics:
        text = _COMMENT.sub("", topics[topic].read_text(encoding="utf-8"))
        if room := columns(streams.out):
            click.echo_via_pager(laid_out(text, min(room, _WIDEST_TEXT)))
        else:
            streams.out.write(text)
    elif topic in _VERBS:
        print(_usage(root, topic).rstrip("\n"), file=streams.out)
    else:
        verbs = ", ".join(name for name in _VERBS if name not in topics)
        raise click.UsageError(f"no topic {topic!r}: takes {names}, or a verb: {verbs}")


def laid_out(page: str, room: int) -> str:
    """A page of Markdown for lines of that many columns; code stays as it is. Pure."""
    return "\n\n".join(_block(block, room) for block in _BLOCK.findall(page))


def _block(block: str, room: int) -> str:
    if block.startswith(("```", " ")):
        return block
    if block.startswith("|"):
        return "\n".join(_table(block, room))
    return "\n".join(
        _wrapped(each, room, further=len(mark[0]) if (mark := _ITEM.match(each)) else 0)
        for each in _BETWEEN_ITEMS.split(block)
    )


def _table(block: str, room: int) -> Iterator[str]:
    """The rows as they are where they fit, else each cell of a row below the row's first."""
    lines = (_BETWEEN_CELLS.split(line)[1:-1] for line in block.splitlines())
    head, _, *rows = ([cell.strip().replace(r"\|", "|") for cell in line] for line in lines)
    fitting = list(table([head, *rows]))
    if max(map(len, fitting)) <= room:
        yield from fitting
        return
    names = [f"{name}: " for name in head[1:]] if len(head) > 2 else [""]  # noqa: PLR2004
    for first, *others in rows:
        yield _wrapped(first, room)
        for name, cell in zip(names, others, strict=True):
            if cell:
                yield _wrapped(f"{name}{cell}", room, first=4, further=6 if name else 4)


def _wrapped(text: str, room: int, *, first: int = 0, further: int = 0) -> str:
    """Lines of a text, indented by that many columns; a word stays whole."""
    from textwrap import fill  # noqa: PLC0415 - for a page alone

    return fill(
        " ".join(text.split()),
        room,
        initial_indent=" " * first,
        subsequent_indent=" " * further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _usage(root: click.Context, verb: str) -> str:
    """What `selfinspect VERB --help` prints."""
    if verb == run.name:
        from selfinspect.supervise.arguments import HELP  # noqa: PLC0415 - PID 1's own

        return HELP
    command = _loaded(verb)
    return command.get_help(click.Context(command, root, verb))


@click.command(cls=Verb, examples=("selfinspect version", "selfinspect -v"))
@streams_of
def version(streams: Streams) -> None:
    """Print the version."""
    print(f"selfinspect {__version__}", file=streams.out)


def main(
    arguments: Sequence[str] | None = None,
    streams: Streams | None = None,
    serve: Serve | None = None,
) -> int:
    """Run a verb and return its exit code.

    Args:
        arguments: what follows the program's name; this process's own by default.
        streams: this process's own by default.
        serve: what `serve` does with its settings; None for an agent in this process.
    """
    streams = streams or of_this_process()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        asked = streams.environ.get(_COMPLETE)
        return _complete(asked) if asked else _run(words, streams, serve or agent.serve)
    except BrokenPipeError:
        _discard_output(streams)
        return UNREAD
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        _discard_output(streams)
        streams.complain(f"cannot write: {error.strerror}")
        return ExitCode.NO


def _complete(asked: str) -> int:
    """Print the shell's completion script, or the words that may come next."""
    from click.shell_completion import shell_complete  # noqa: PLC0415

    return shell_complete(selfinspect, {}, _PROGRAM, _COMPLETE, asked)


def _run(words: list[str], streams: Streams, serve: Serve) -> int:
    """Run the verb, not by click's own `main`: there a closed pipe is the answer no."""
    try:
        with selfinspect.make_context(_PROGRAM, words, obj=streams) as context:
            result = selfinspect.invoke(context)
        streams.out.flush()
        if isinstance(result, Settings):
            result = serve(result, streams.environ, streams.err)
        return result if isinstance(result, int) else ExitCode.OK
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


def _discard_output(streams: Streams) -> None:
    """Send what the interpreter flushes at its end to /dev/null."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), streams.out.fileno())
