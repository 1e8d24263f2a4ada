"""The options of the verbs: each a flag and an environment variable, read by `settings`.

How the command line declares an option: its flag, variable, type and section of the help.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from selfinspect.cli.verb import Sectioned
from selfinspect.duration import parse_duration
from selfinspect.listen import DEFAULT_API, DEFAULT_METRICS, parse_listen
from selfinspect.masking import Masking
from selfinspect.settings import (
    LOG_LEVELS,
    Settings,
    parse_api_version,
    parse_container,
    parse_disable,
    parse_engine,
    parse_events,
    parse_interval,
    parse_labels,
    parse_metrics_listen,
    parse_server_name,
    parse_token_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LOOKING = "Looking for itself (with one of these no agent is asked)"
_PLACES = "Where it serves"
_CALLERS = "Who may ask for what"
_TOLD = "What it keeps and tells"
_LOG = "Its own log"


def observing(verb: Verb) -> Verb:
    """Options of every verb that can look for itself."""
    return with_options(
        verb,
        option(
            _LOOKING,
            "--engine",
            Parsed("endpoint", parse_engine),
            "auto (the default), off, unix:///path/of.sock or tcp://host:port.",
        ),
        option(
            _LOOKING,
            "--engine-server-name",
            Parsed("name", parse_server_name),
            "The name the engine's certificate bears where it is not the address.",
        ),
        option(
            _LOOKING,
            "--container",
            Parsed("id|name", parse_container),
            "A claim about which container this is, still to be proven.",
        ),
        click.option(
            "--assume",
            cls=Sectioned,
            section=_LOOKING,
            is_flag=True,
            envvar="SELFINSPECT_ASSUME",
            help="Use an identity that is only assumed: here nobody shares another's network.",
        ),
        option(
            _LOOKING,
            "--target",
            Parsed("whom", parse_container),
            "Whom to report on: self (the default), netns, or a container's name or ID.",
        ),
        option(
            _LOOKING,
            "--root",
            click.Path(path_type=Path, exists=True, file_okay=False),
            "The folder below which every file is read; / by default.",
        ),
        repeatable(
            _LOOKING,
            "--reveal",
            "glob",
            str,
            "Variables, labels and arguments whose values are shown even if they look secret.",
        ),
    )


def journalling(verb: Verb) -> Verb:
    """The option of every verb that needs the journal."""
    return with_options(
        verb,
        option(
            _LOOKING,
            "--journal",
            click.Path(path_type=Path, file_okay=False),
            "The folder in which events are kept; /var/lib/selfinspect by default.",
        ),
    )


def serving(verb: Verb) -> Verb:
    """Options of the agent alone."""
    return with_options(
        journalling(verb),
        repeatable(
            _PLACES,
            "--listen",
            "address",
            parse_listen,
            f"Where everything is served: host:port or unix:///path; {DEFAULT_API} by default.",
        ),
        option(
            _PLACES,
            "--metrics-listen",
            Parsed("address", parse_metrics_listen),
            f"Where the metrics alone are served, or off; {DEFAULT_METRICS} by default, loopback"
            " alone in a host's network.",
        ),
        click.option(
            "--insecure-api",
            cls=Sectioned,
            section=_CALLERS,
            is_flag=True,
            envvar="SELFINSPECT_INSECURE_API",
            help="Serve the API beyond loopback without a token.",
        ),
        option(
            _CALLERS,
            "--token-file",
            Parsed("path", parse_token_file),
            "The tokens that the API takes, one a line; auto, under run, has one made for CMD.",
        ),
        option(
            _CALLERS,
            "--metrics-token-file",
            click.Path(path_type=Path),
            "The tokens that /metrics takes, on every listener.",
        ),
        option(
            _PLACES,
            "--tls-cert",
            click.Path(path_type=Path),
            "The certificate (PEM) of --metrics-listen and of each --listen beyond loopback.",
        ),
        option(
            _PLACES, "--tls-key", click.Path(path_type=Path), "Its key (PEM), without a passphrase."
        ),
        option(
            _CALLERS,
            "--tls-client-ca",
            click.Path(path_type=Path),
            "The authorities (PEM) that have to have signed a client's certificate.",
        ),
        repeatable(
            _CALLERS,
            "--disable",
            "glob",
            parse_disable,
            "Paths that are not served, nor what is below them; health paths always are.",
        ),
        repeatable(
            _CALLERS, "--allow-host", "glob", str, "Further host names we may be called by."
        ),
        repeatable(
            _TOLD,
            "--metrics-labels",
            "glob",
            str,
            "Container labels that become metric labels, or none.",
        ),
        click.option(
            "--metrics-machine",
            cls=Sectioned,
            section=_TOLD,
            is_flag=True,
            envvar="SELFINSPECT_METRICS_MACHINE",
            help="Tell of the machine as well, where no other agent on it does.",
        ),
        option(
            _TOLD,
            "--fs-usage-interval",
            Parsed("duration", parse_interval),
            "How often a scrape may have the engine count the writable layer: 5m; or off.",
        ),
        option(
            _TOLD,
            "--stop-timeout",
            Parsed("duration", parse_duration),
            "How long the app has to stop, where the container's configuration does not say.",
        ),
        option(
            _TOLD,
            "--stats-source",
            click.Choice(("auto", "engine", "kernel")),
            "Where figures come from; auto, the default, is the kernel where it can tell.",
        ),
        option(
            _TOLD,
            "--journal-max-events",
            Parsed("count", parse_events),
            "How many events are held; 10000 by default.",
        ),
        option(
            _LOG,
            "--log-level",
            click.Choice(LOG_LEVELS),
            "The least severe level logged; info by default.",
        ),
        option(
            _LOG,
            "--log-format",
            click.Choice(("auto", "json", "console")),
            "How log lines look; auto, the default, is console on a terminal, else json.",
        ),
    )


def settings(given: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """What the options say; what none says stays at its default.

    Raises:
        click.UsageError: options that do not go together.
    """
    values = {name: value for name, value in given.items() if value is not None and value != ()}
    if "metrics_labels" in values:
        values["metrics_labels"] = parse_labels(values["metrics_labels"])
    version, warning = parse_api_version(environ.get("DOCKER_API_VERSION", ""))
    warnings = (Masking().text(warning),) if warning else ()
    try:
        return Settings(api_version=version, warnings=warnings, **values).checked()
    except ValueError as error:
        raise click.UsageError(str(error)) from error


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
