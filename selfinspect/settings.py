"""The settings of an agent, and how each is read from the text of its option or variable. Pure.

Each reader raises ValueError, whose message says what it takes.
"""

from __future__ import annotations

import re
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, get_args

from selfinspect.duration import parse_duration
from selfinspect.endpoint import parse_endpoint
from selfinspect.frozen import dataclass
from selfinspect.listen import DEFAULT_API, parse_listen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selfinspect.listen import ListenAddress

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogFormat: TypeAlias = Literal["auto", "json", "console"]
StatsChoice: TypeAlias = Literal["auto", "engine", "kernel"]
Value = TypeVar("Value")

LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)

_MOST_EVENTS = 1_000_000_000
_SHOWN = 40
_API_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything about an agent that can be chosen.

    Attributes:
        listen: where the API is served.
        metrics_listen: where metrics alone are served, or `off`; None for the default address.
        insecure_api: serve the API beyond loopback without a token.
        token_file: the file of the API's tokens, one a line; `auto` is the one PID 1 minted.
        metrics_token_file: the same for `/metrics`.
        tls_cert: the certificate, with those between it and its authority, for TLS.
        tls_key: its key.
        tls_client_ca: the authorities of clients, who then need a certificate.
        disable: globs over paths that are not served, nor anything below them.
        engine: `auto`, `off` or an endpoint.
        engine_server_name: the name in the engine's certificate, None for its address.
        api_version: the engine API version to speak, None to negotiate.
        container: a claim about who we are, still to be proven.
        assume: an identity that is only assumed acts like one that is observed.
        target: the container to report on: `self`, `netns`, or one's name or ID.
        root: the folder below which every file is read.
        stats_source: where figures come from.
        stop_timeout: seconds that the app has to stop, where its container sets none; None where
            this is not set either.
        allow_host: globs over further names that a request's `Host` may have.
        reveal: globs over names whose values are not masked.
        metrics_labels: globs over the container's labels that become metric labels.
        metrics_machine: whether there are metrics of the machine, too.
        fs_usage_interval: seconds after which the writable layer is counted again, None for never.
        journal: the folder of the events' files.
        journal_max_events: how many events are kept.
        log_level: the least severe level that is logged.
        log_format: how log lines look.
        warnings: what was wrong with variables that were ignored.
    """

    listen: tuple[ListenAddress, ...] = (DEFAULT_API,)
    metrics_listen: ListenAddress | Literal["off"] | None = None
    insecure_api: bool = False
    token_file: Path | Literal["auto"] | None = None
    metrics_token_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    disable: tuple[str, ...] = ()
    engine: str = "auto"
    engine_server_name: str | None = None
    api_version: str | None = None
    container: str | None = None
    assume: bool = False
    target: str = "self"
    root: Path = field(default_factory=lambda: Path("/"))
    stats_source: StatsChoice = "auto"
    stop_timeout: float | None = None
    allow_host: tuple[str, ...] = ()
    reveal: tuple[str, ...] = ()
    metrics_labels: tuple[str, ...] | None = None
    metrics_machine: bool = False
    fs_usage_interval: float | None = None
    journal: Path = field(default_factory=lambda: Path("/var/lib/selfinspect"))
    journal_max_events: int = 10_000
    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"
    warnings: tuple[str, ...] = ()

    def checked(self) -> Settings:
        """These settings, where they are valid together.

        Raises:
            ValueError: they are not; the message names the option.
        """
        if self.api_version is not None and not _API_VERSION.fullmatch(self.api_version):
            raise ValueError(
                f"DOCKER_API_VERSION {self.api_version!r}: takes a version such as 1.41"
            )
        for option, given, needs, needed in (
            ("--tls-cert", self.tls_cert, "its --tls-key", self.tls_key),
            ("--tls-key", self.tls_key, "its --tls-cert", self.tls_cert),
            ("--tls-client-ca", self.tls_client_ca, "--tls-cert and --tls-key", self.tls_cert),
        ):
            if given is not None and needed is None:
                raise ValueError(f"{option} {given}: needs {needs}")
        guarded = self.insecure_api or self.token_file or self.tls_client_ca
        for address in self.listen:
            if not (address.is_loopback or guarded):
                raise ValueError(
                    f"--listen {address}: takes a loopback address or a unix:///path; any other"
                    " needs --token-file or --tls-client-ca, or, to be open to everyone,"
                    " --insecure-api"
                )
        return self


def parse_metrics_listen(text: str) -> ListenAddress | Literal["off"]:
    """An address, or `off`."""
    return "off" if text == "off" else _or_off(parse_listen, text)


def parse_token_file(text: str) -> Path | Literal["auto"]:
    """A file's path, or `auto`."""
    if not text:
        raise ValueError(f"{text!r}: takes a file's path, or auto")
    return "auto" if text == "auto" else Path(text)


def parse_disable(text: str) -> str:
    """A glob over paths."""
    if text.startswith(("/", "*")):
        return text
    raise ValueError(
        f"{text!r}: takes a path or a glob over paths, such as /v1/logs or /v1/inspect*"
    )


def parse_engine(text: str) -> str:
    """`auto`, `off`, or an endpoint: a Unix socket's, or a host's and a port."""
    if text in ("auto", "off"):
        return text
    try:
        return str(parse_endpoint(text))
    except ValueError as error:
        takes = str(error).removeprefix("takes ")
        raise ValueError(f"{text!r}: takes auto, off, {takes}") from error


def parse_api_version(text: str) -> tuple[str | None, str | None]:
    """The version in `DOCKER_API_VERSION`, None to negotiate it; and a warning, if there is one.

    The variable is the app's, too: a wrong value is ignored.
    """
    word = text.strip().strip("'\"").strip().removeprefix("v")
    if word in ("", "auto"):
        return None, None
    if _API_VERSION.fullmatch(word):
        return word, None
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return None, (
        f"DOCKER_API_VERSION {shown!r} is passed over, the version is negotiated: it takes a"
        " version such as 1.41, or auto"
    )


def parse_server_name(text: str) -> str:
    """The DNS name or IP address in a certificate."""
    return _word(text, "a name or an address, such as engine.example or 10.0.0.1")


def parse_interval(text: str) -> float | None:
    """A duration in seconds, None for `off`."""
    return None if text == "off" else _or_off(parse_duration, text)


def parse_events(text: str) -> int:
    """A number of events."""
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_EVENTS:
        return int(text)
    raise ValueError(f"{text!r}: takes a number of events from 1 to {_MOST_EVENTS}")


def parse_labels(texts: Sequence[str]) -> tuple[str, ...] | None:
    """Globs over label names; None for the default ones, empty for `none`."""
    if not texts:
        return None
    return () if tuple(texts) == ("none",) else tuple(texts)


def parse_container(text: str) -> str:
    """A container's ID, whole or its first 12 digits or more, or its name."""
    return _word(text, "a container's ID or name")


def _word(text: str, takes: str) -> str:
    if text and not any(character in text for character in "/ \t\n"):
        return text
    raise ValueError(f"{text!r}: takes {takes}")


def _or_off(parse: Callable[[str], Value], text: str) -> Value:
    """The value from a reader whose option takes `off` as well: an error says so, too."""
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{error}; or off") from error
