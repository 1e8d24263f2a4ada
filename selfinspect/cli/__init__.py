"""The command line: one file a verb family."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from selfinspect import __version__
from selfinspect.cli.exit_codes import ExitCode, exit_code
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.errors import SelfinspectError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Verbs(click.Group):
    """The verbs, each loaded when it is called: `healthcheck` runs every minute."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order in which a person meets them."""
        return ["run", "serve", "id", "show", "stats", "doctor", "healthcheck", "version"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb of that name."""
        match cmd_name:
            case "serve":
                from selfinspect.cli.serve import serve as verb  # noqa: PLC0415
            case "id":
                from selfinspect.cli.identity import identify as verb  # noqa: PLC0415
            case "show":
                from selfinspect.cli.show import show as verb  # noqa: PLC0415
            case "doctor":
                from selfinspect.cli.doctor import doctor as verb  # noqa: PLC0415
            case "stats":
                from selfinspect.cli.stats import stats as verb  # noqa: PLC0415
            case "healthcheck":
                from selfinspect.cli.healthcheck import healthcheck as verb  # noqa: PLC0415
            case "run":
                verb = run
            case "version":
                verb = version
            case _:
                return None
        return verb


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def selfinspect() -> None:
    """What this container knows about itself: which it is, proven, its inspect, stats, events."""


@click.command()
def run() -> None:
    """Run a command with the agent beside it, as an image's ENTRYPOINT: run [options] -- CMD."""
    raise click.UsageError("run comes first on the command line")


@click.command()
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
    streams = streams or Streams(sys.stdout, sys.stderr, os.environ)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = selfinspect.main(words, "selfinspect", standalone_mode=False, obj=streams)
        streams.out.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=streams.err)
        return ExitCode.USAGE
    except click.UsageError as error:
        verb = error.ctx.command_path if error.ctx else "selfinspect"
        print(f"{verb}: error: {error.format_message()}", file=streams.err)
        return ExitCode.USAGE
    except click.Abort:
        return 130
    except BrokenPipeError:
        # What the interpreter flushes at its end goes nowhere, too.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), streams.out.fileno())
        return ExitCode.NO
    except SelfinspectError as error:
        streams.say(error)
        return exit_code(error)
    return result if isinstance(result, int) else ExitCode.OK
