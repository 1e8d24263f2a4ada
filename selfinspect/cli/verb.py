"""What every verb has in common: its exit codes, the order of its help, and its usage errors."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from selfinspect.errors import (
    BadRequestError,
    EngineDeniedError,
    EngineError,
    EngineUnsupportedError,
    IdentityError,
    UnknownContainerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selfinspect.errors import SelfinspectError


class ExitCode(IntEnum):
    """The exit codes of every verb but `run`, which exits as its command does."""

    OK = 0
    NO = 1
    USAGE = 2
    NO_IDENTITY = 3
    ENGINE_UNREACHABLE = 4
    DENIED = 5


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.OK: "It worked.",
    ExitCode.NO: "The answer is no: unhealthy, not found, timed out.",
    ExitCode.USAGE: "An option or an argument is wrong.",
    ExitCode.NO_IDENTITY: "Which container this is could not be resolved.",
    ExitCode.ENGINE_UNREACHABLE: "No engine returned a usable answer.",
    ExitCode.DENIED: "The engine, or a proxy before it, denied the request.",
}


def exits(*codes: ExitCode, no: str = "") -> dict[ExitCode, str]:
    """What these exit codes of a verb say, in order; `no` is what 1 does, if it can say that."""
    said = {ExitCode.NO: no} if no else {}
    return said | {code: MEANINGS[code] for code in codes}


def exit_code(error: SelfinspectError) -> ExitCode:
    """The exit code that an error ends with."""
    match error:
        case IdentityError():
            return ExitCode.NO_IDENTITY
        case EngineDeniedError():
            return ExitCode.DENIED
        case EngineUnsupportedError() | UnknownContainerError():
            return ExitCode.NO
        case EngineError():
            return ExitCode.ENGINE_UNREACHABLE
        case BadRequestError():
            return ExitCode.USAGE
        case _:
            return ExitCode.NO


class Verb(click.Command):
    """A verb, whose help has its own options, those of each section, examples and exit codes.

    Args:
        examples: command lines worth trying.
        exits: the exit codes other than 0 and 2, and what each means.
        others: the options of `run`, which hands on what it does not know.
        attributes: what every command takes.
    """

    def __init__(
        self,
        *,
        examples: Sequence[str] = (),
        exits: Mapping[ExitCode, str] | None = None,
        others: Callable[[], Sequence[str]] = tuple,
        **attributes: Any,
    ) -> None:
        super().__init__(**attributes)
        self._others = others
        self._examples = examples
        self._exits = exits or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments; an error names the variable that is wrong, or the help."""
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            given = error.param
            source = ctx.get_parameter_source(given.name or "") if given else None
            if given is None or source is not ParameterSource.ENVIRONMENT:
                raise
            said = f"{error.message.rstrip('.')} (given as {given.envvar})"
            raise click.BadParameter(said, ctx, given) from error
        except click.UsageError as error:
            said = error.format_message().rstrip(".")
            also = self._meant(error) if isinstance(error, click.NoSuchOption) else ""
            raise click.UsageError(f"{said}{also}: see {ctx.command_path} --help", ctx) from error

    def _meant(self, error: click.NoSuchOption) -> str:
        """Which option of another verb may have been meant."""
        if error.possibilities:  # of this verb
            return ""
        from difflib import get_close_matches  # noqa: PLC0415 - for an error alone

        near = get_close_matches(error.option_name, self._others(), n=1)
        return f"; or did you mean {near[0]} of `run`?" if near else ""

    def invoke(self, ctx: click.Context) -> Any:
        """The verb's result; a value that it finds wrong is a usage error like any other."""
        try:
            return super().invoke(ctx)
        except BadRequestError as error:
            said = f"{error.detail}: {error.hint}" if error.hint else error.detail
            raise click.UsageError(said, ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, those of a section below its heading."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for each in self.get_params(ctx):
            record = None if isinstance(each, click.Argument) else each.get_help_record(ctx)
            if record is not None:
                heading = each.section if isinstance(each, Sectioned) else "Options"
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Examples, and the exit codes."""
        write_examples(self._examples, formatter)
        write_exits(self._exits, formatter)


class Sectioned(click.Option):
    """An option below a heading of its own in the help."""

    def __init__(self, *declarations: Any, section: str, **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self.section = section


def write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    """Write the section of examples, each on a line of its own, if there are any."""
    if examples:
        with formatter.section("Examples"):
            for line in examples:
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def write_exits(exits: Mapping[ExitCode, str], formatter: click.HelpFormatter) -> None:
    """Write the section of exit codes, if there are any."""
    if exits:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), said) for code, said in exits.items()])
