"""The agent's own log: one line an event on standard error, masked like everything else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import structlog

from selfinspect.terminal import unguarded, visible

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from typing import Any, TextIO

    from selfinspect.settings import LogFormat

_FIRST = ("timestamp", "level", "event")


def logger(
    stream: TextIO,
    *,
    level: str,
    form: LogFormat,
    mask: Callable[[str], str],
    colours: bool = False,
) -> structlog.typing.FilteringBoundLogger:
    """A logger that writes to a stream.

    Args:
        stream: where lines go.
        level: the least severe level written, one of `settings.LOG_LEVELS`.
        form: `console` for people, `json` for programs, `auto` by whether it is a terminal.
        mask: takes the secrets out of a text.
        colours: whether people get it in colour.
    """
    console = form == "console" or (form == "auto" and stream.isatty())

    def masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {
            key: shown(key, mask(value)) if isinstance(value, str) else value
            for key, value in {**dict.fromkeys(_FIRST), **event}.items()
        }

    def shown(key: str, text: str) -> str:
        # JSON shows control characters itself; a traceback has many lines.
        return visible(text, one_line=key != "exception") if console else text

    made: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(unguarded(stream)),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            masked,
            structlog.dev.ConsoleRenderer(colors=colours)
            if console
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    return made


class Forward(logging.Handler):
    """Logs the errors of the web server and its event loop with our logger, not their warnings."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        super().__init__(logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record and its traceback."""
        self._log.log(
            record.levelno, "web.failed", message=record.getMessage(), exc_info=record.exc_info
        )
