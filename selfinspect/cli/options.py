"""The options of the verbs: each a flag and an environment variable, read by `settings`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from selfinspect.cli.verb import Sectioned
from selfinspect.duration import parse_duration
from selfinspect.listen import DEFAULT_API, DEFAULT_METRICS, parse_listen
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

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")


class Parsed(click.ParamType[object]):
    """An option's value, read by a function whose ValueError says what it takes."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """The value; anything but text has been read already."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(_masked(str(error)), param, ctx)


class Repeatable(Parsed):
    """One value of several; in the environment variable they stand between commas."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """The values, without the spaces around them."""
        return [text.strip() for text in rv.split(",") if text.strip()]


def option(
    section: str, name: str, text: str, **attributes: Any
) -> Callable[[Decorated], Decorated]:
    """An option of a section of the help, and its environment variable."""
    return click.option(
        name, cls=Sectioned, section=section, envvar=variable(name), help=text, **attributes
    )


def repeatable(
    section: Callable[..., Any], name: str, metavar: str, text: str, parse: Callable[[str], object]
) -> Callable[[Decorated], Decorated]:
    """An option of a section that may be given several times."""
    kind = Repeatable(metavar, parse)
    made: Callable[[Decorated], Decorated] = section(
        name, f"{text} Repeatable.", type=kind, multiple=True
    )
    return made


def timeout_option(default: str, text: str) -> Callable[[Decorated], Decorated]:
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


def _together(*options: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """These options in one, in this order in the help."""

    def decorate(verb: Decorated) -> Decorated:
        for each in reversed(options):
            verb = each(verb)
        return verb

    return decorate


_looking = partial(option, "Looking for itself (with one of these no agent is asked)")
_places = partial(option, "Where it serves")
_callers = partial(option, "Who may ask for what")
_kept = partial(option, "What it keeps and reports")
_log = partial(option, "Its own log")

_folder = click.Path(path_type=Path, file_okay=False)
_file = click.Path(path_type=Path)

observing = _together(
    _looking(
        "--engine",
        "auto (the default), off, unix:///path/of.sock or tcp://host:port.",
        type=Parsed("endpoint", parse_engine),
    ),
    _looking(
        "--engine-server-name",
        "The name in the engine's certificate where it is not the address.",
        type=Parsed("name", parse_server_name),
    ),
    _looking(
        "--container",
        "A claim about which container this is, still to be proven.",
        type=Parsed("id|name", parse_container),
    ),
    _looking(
        "--assume",
        "Use an identity that is only assumed: here nobody shares another's network.",
        is_flag=True,
    ),
    _looking(
        "--target",
        "The container to report on: self (the default), netns, or a name or ID.",
        type=Parsed("container", parse_container),
    ),
    _looking(
        "--root",
        "The folder below which every file is read; / by default.",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
    ),
    repeatable(
        _looking,
        "--reveal",
        "glob",
        "Variables, labels and arguments whose values are shown even if they look secret.",
        str,
    ),
)
"""Options of every verb that can look for itself."""

journalling = _looking(
    "--journal",
    "The folder in which events are kept; /var/lib/selfinspect by default.",
    type=_folder,
)
"""The option of every verb that needs the journal."""

serving = _together(
    journalling,
    repeatable(
        _places,
        "--listen",
        "address",
        f"Where everything is served: host:port or unix:///path; {DEFAULT_API} by default.",
        parse_listen,
    ),
    _places(
        "--metrics-listen",
        f"Where only the metrics are served, or off; {DEFAULT_METRICS} by default, only the"
        " loopback in a host's network.",
        type=Parsed("address", parse_metrics_listen),
    ),
    _callers("--insecure-api", "Serve the API beyond loopback without a token.", is_flag=True),
    _callers(
        "--token-file",
        "The tokens that the API takes, one a line; auto, under run, makes one for CMD.",
        type=Parsed("path", parse_token_file),
    ),
    _callers(
        "--metrics-token-file", "The tokens that /metrics takes, on every listener.", type=_file
    ),
    _places(
        "--tls-cert",
        "The certificate (PEM) of --metrics-listen and of each --listen beyond loopback.",
        type=_file,
    ),
    _places("--tls-key", "Its key (PEM), without a passphrase.", type=_file),
    _callers(
        "--tls-client-ca",
        "The authorities (PEM), one of which must have signed a client's certificate.",
        type=_file,
    ),
    repeatable(
        _callers,
        "--disable",
        "glob",
        "Paths that are not served, nor those below them; health paths always are.",
        parse_disable,
    ),
    repeatable(_callers, "--allow-host", "glob", "Further host names that requests may name.", str),
    repeatable(
        _kept,
        "--metrics-labels",
        "glob",
        "Container labels that become metric labels, or none.",
        str,
    ),
    _kept(
        "--metrics-machine",
        "Report on the machine as well, where no other agent on it does.",
        is_flag=True,
    ),
    _kept(
        "--fs-usage-interval",
        "How often a scrape may have the engine measure the writable layer: 5m; or off.",
        type=Parsed("duration", parse_interval),
    ),
    _kept(
        "--stop-timeout",
        "How long the app has to stop, where the container's configuration does not say.",
        type=Parsed("duration", parse_duration),
    ),
    _kept(
        "--stats-source",
        "Where figures come from; auto, the default, is the kernel where it has them.",
        type=click.Choice(("auto", "engine", "kernel")),
    ),
    _kept(
        "--journal-max-events",
        "How many events are kept; 10000 by default.",
        type=Parsed("count", parse_events),
    ),
    _log(
        "--log-level",
        "The least severe level logged; info by default.",
        type=click.Choice(LOG_LEVELS),
    ),
    _log(
        "--log-format",
        "How log lines look; auto, the default, is console on a terminal, else json.",
        type=click.Choice(("auto", "json", "console")),
    ),
)
"""Options of the agent alone."""


def settings(given: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """The settings that the options give; the others stay at their defaults.

    Raises:
        click.UsageError: options that do not go together.
    """
    values = {name: value for name, value in given.items() if value is not None and value != ()}
    if "metrics_labels" in values:
        values["metrics_labels"] = parse_labels(values["metrics_labels"])
    version, warning = parse_api_version(environ.get("DOCKER_API_VERSION", ""))
    warnings = (_masked(warning),) if warning else ()
    try:
        return Settings(api_version=version, warnings=warnings, **values).checked()
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _masked(text: str) -> str:
    # `healthcheck` runs every minute, and needs none of the rules.
    from selfinspect.masking import Masking  # noqa: PLC0415

    return Masking().text(text)
