"""How the command line declares an option: its flag, variable, type and section of the help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from selfinspect.cli.verb import Sectioned
from selfinspect.duration import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

Verb = TypeVar("Verb", bound="Callable[..., Any]")


class Parsed(click.ParamType[object]):
    """An option's value, read by a function that raises ValueError with what it takes."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """The value; what is no text has been read already."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            from selfinspect.masking import Masking  # noqa: PLC0415 - not for what goes well

            self.fail(Masking().text(str(error)), param, ctx)


class Repeatable(Parsed):
    """One value of several; in the environment variable they stand between commas."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """The values, without the spaces around them."""
        return [text.strip() for text in rv.split(",") if text.strip()]


def option(
    section: str,
    name: str,
    kind: click.ParamType[Any],
    text: str,
) -> Callable[[Verb], Verb]:
    """An option with one value, of a section of the help."""
    return click.option(
        name,
        cls=Sectioned,
        section=section,
        type=kind,
        envvar=variable(name),
        help=text,
    )


def repeatable(
    section: str, name: str, metavar: str, parse: Callable[[str], object], text: str
) -> Callable[[Verb], Verb]:
    """An option that may be given several times."""
    return click.option(
        name,
        cls=Sectioned,
        section=section,
        type=Repeatable(metavar, parse),
        multiple=True,
        envvar=variable(name),
        help=f"{text} Repeatable.",
    )


def timeout_option(default: str, text: str) -> Callable[[Verb], Verb]:
    """The option of how long a verb takes at most, in seconds."""
    return click.option(
        "--timeout",
        type=Parsed("duration", parse_duration),
        default=default,
        show_default=True,
        envvar=variable("--timeout"),
        help=text,
    )


def variable(name: str) -> str:
    """The environment variable of a flag."""
    return "SELFINSPECT_" + name.removeprefix("--").replace("-", "_").upper()


def with_options(verb: Verb, *options: Callable[[Verb], Verb]) -> Verb:
    """A verb with these options, in this order in its help."""
    for each in reversed(options):
        verb = each(verb)
    return verb
