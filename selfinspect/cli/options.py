"""The options of the verbs, and `serve`, which has nearly all: each a flag and a variable."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from selfinspect import times
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import Sectioned, Verb, exits
from selfinspect.duration import parse_duration
from selfinspect.listen import DEFAULT_METRICS, parse_listen
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

_DEFAULTS = Settings()

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
    section: str, name: str, kind: click.ParamType[Any] | None, text: str
) -> Callable[[Decorated], Decorated]:
    """An option of a section of the help, and its environment variable; no kind makes a flag."""
    repeatable, value = isinstance(kind, Repeatable), default(name)
    words = (text, "Repeatable." if repeatable else "", f"[default: {value}]" if value else "")
    return click.option(
        name,
        cls=Sectioned,
        section=section,
        type=kind,
        is_flag=kind is None,
        multiple=repeatable,
        envvar=variable(name),
        help=" ".join(filter(None, words)),
    )


def default(name: str) -> str:
    """What an option of the agent is where it is not given, as it would be; empty for nothing."""
    value = getattr(_DEFAULTS, name.removeprefix("--").replace("-", "_"))
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None or value is False else str(value)


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


def period(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Nanoseconds since the Unix epoch of `--since` and `--until`, None for what is not given.

    Raises:
        BadRequestError: one is no time.
    """
    now = time.time_ns()
    return (
        None if since is None else times.asked_for("since", since, now),
        None if until is None else times.asked_for("until", until, now),
    )


def of_period(since: int | None, until: int | None) -> dict[str, str]:
    """The same as the parameters of a request to the agent."""
    moments = {"since": since, "until": until}
    return {
        name: times.rfc3339(max(0, moment))
        for name, moment in moments.items()
        if moment is not None
    }


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


_looking = partial(option, "Looking for itself (with any of these it asks no agent)")
_places = partial(option, "Where it serves")
_callers = partial(option, "Who may ask for what")
_kept = partial(option, "What it keeps and reports")
_log = partial(option, "Its own log")

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FOLDER_HERE = click.Path(path_type=Path, file_okay=False, exists=True)
_FILE = click.Path(path_type=Path)

observing = _together(
    _looking("--engine", Parsed("endpoint", parse_engine),
             "auto, off, unix:///path/of.sock or tcp://host:port."),
    _looking("--engine-server-name", Parsed("name", parse_server_name),
             "The name in the engine's certificate where it is not the address."),
    _looking("--container", Parsed("id|name", parse_container),
             "A claim about which container this is, still to be proven."),
    _looking("--assume", None,
             "Use an identity that is only assumed: right only where no container shares another's"
             " network."),
    _looking("--target", Parsed("container", parse_container),
             "The container to report on: self, netns, or a name or ID."),
    _looking("--root", _FOLDER_HERE, "The folder below which every file is read."),
    _looking("--reveal", Repeatable("glob", str),
             "Variables, labels and arguments whose values are shown even if they look secret."),
)  # fmt: skip
"""Options of every verb that can look for itself."""

journalling = _looking("--journal", _FOLDER, "The folder in which events are kept.")
"""The option of every verb that needs the journal."""

serving = _together(
    journalling,
    _places("--listen", Repeatable("address", parse_listen),
            "Where everything is served: host:port or unix:///path."),
    _places("--metrics-listen", Parsed("address", parse_metrics_listen),
            f"Where only the metrics are served, or off; {DEFAULT_METRICS} by default, only the"
            " loopback in a host's network."),
    _callers("--insecure-api", None, "Serve the API beyond loopback without a token."),
    _callers("--token-file", Parsed("path", parse_token_file),
             "The tokens that the API takes, one a line; auto, under run, makes one for CMD."),
    _callers("--metrics-token-file", _FILE, "The tokens that /metrics takes, on every listener."),
    _places("--tls-cert", _FILE,
            "The certificate (PEM) of --metrics-listen and of each --listen beyond loopback."),
    _places("--tls-key", _FILE, "Its key (PEM), without a passphrase."),
    _callers("--tls-client-ca", _FILE,
             "The authorities (PEM), one of which must have signed a client's certificate."),
    _callers("--disable", Repeatable("glob", parse_disable),
             "Paths that are not served, nor those below them; health paths always are."),
    _callers("--allow-host", Repeatable("glob", str),
             "Further host names that requests may name."),
    _kept("--metrics-labels", Repeatable("glob", str),
          "Container labels that become metric labels, or none."),
    _kept("--metrics-machine", None,
          "Report on the machine as well, where no other agent on it does."),
    _kept("--fs-usage-interval", Parsed("duration", parse_interval),
          "How often a scrape may have the engine measure the writable layer: 5m; or off."),
    _kept("--stop-timeout", Parsed("duration", parse_duration),
          "How long the app has to stop, where the container's configuration does not say."),
    _kept("--stats-source", click.Choice(("auto", "engine", "kernel")),
          "Where figures come from; auto is the kernel where it has them."),
    _kept("--journal-max-events", Parsed("count", parse_events),
          "How many events are kept."),
    _log("--log-level", click.Choice(LOG_LEVELS),
         "The least severe level logged; under run the default is warning."),
    _log("--log-format", click.Choice(("auto", "json", "console")),
         "How log lines look; auto is console on a terminal, else json."),
)  # fmt: skip
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


def _options_of_run() -> list[str]:
    import re  # noqa: PLC0415 - for an error alone

    from selfinspect.supervise.arguments import HELP  # noqa: PLC0415

    return re.findall(r"^  (?:-\w, )?(--[\w-]+)", HELP, re.MULTILINE)


@click.command(
    cls=Verb,
    others=_options_of_run,
    examples=("selfinspect serve", "selfinspect serve --listen unix:///run/app/api.sock"),
    exits=exits(no="It failed: the log says why."),
)
@observing
@serving
@streams_of
def serve(streams: Streams, /, **given: Any) -> Settings:
    """Serve identity, inspect data, stats and events.

    It ends with 0 on SIGTERM and SIGINT. Each option is an environment variable as well:
    SELFINSPECT_METRICS_LISTEN is --metrics-listen; the values of a repeatable one are separated by
    commas.
    """
    return settings(given, streams.environ)
