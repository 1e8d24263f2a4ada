from __future__ import annotations

import json
import logging
from io import StringIO

import pytest

from selfinspect.logs import Forward, logger
from selfinspect.terminal import in_colour


class Terminal(StringIO):
    """A stream that people read."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def _hide(text: str) -> str:
    return text.replace("hunter2", "[masked]")


def test_a_line_is_json_for_programs() -> None:
    """Without a terminal each event is one JSON object with level and time."""
    stream = StringIO()
    logger(stream, level="info", form="auto", mask=_hide).info("engine.lost", attempt=3)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["attempt"]) == ("engine.lost", "info", 3)
    assert line["timestamp"].endswith("Z")


def test_a_line_begins_with_what_happened() -> None:
    """Not with a long reason, behind which nobody would find it."""
    stream = StringIO()
    log = logger(stream, level="info", form="json", mask=_hide)
    log.warning("engine.missing", reason="no socket", hint="mount it")
    assert list(json.loads(stream.getvalue())) == ["timestamp", "level", "event", "reason", "hint"]


def test_a_terminal_gets_text() -> None:
    """On a terminal the line is for people, unless JSON was asked for."""
    for_people, for_programs = Terminal(), Terminal()
    logger(for_people, level="info", form="auto", mask=_hide).info("engine.lost")
    logger(for_programs, level="info", form="json", mask=_hide).info("engine.lost")
    assert "engine.lost" in for_people.getvalue()
    assert not for_people.getvalue().startswith("{")
    assert json.loads(for_programs.getvalue())["event"] == "engine.lost"


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (StringIO(), {}, False),
    ],
)
def test_colours_are_for_a_terminal_that_wants_them(
    stream: StringIO,
    environ: dict[str, str],
    coloured: bool,  # noqa: FBT001
) -> None:
    """Nowhere else, and not where the environment says that they are unwanted."""
    colours = in_colour(stream, environ)
    logger(stream, level="info", form="console", mask=_hide, colours=colours).info("engine.lost")
    assert ("\x1b" in stream.getvalue()) is coloured


def test_console_lines_can_be_had_in_a_file() -> None:
    """`console` needs no terminal, and writes no colours where there is none."""
    stream = StringIO()
    logger(stream, level="info", form="console", mask=_hide).info("engine.lost")
    assert "engine.lost" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_secrets_are_masked_in_event_values_and_tracebacks() -> None:
    """Whatever text is logged goes through the mask."""
    stream = StringIO()
    log = logger(stream, level="info", form="json", mask=_hide)
    try:
        int("hunter2")
    except ValueError:
        log.exception("login.failed hunter2", error="hunter2")
    assert "hunter2" not in stream.getvalue()
    assert "base 10: '[masked]'" in json.loads(stream.getvalue())["exception"]


def test_control_characters_of_others_are_shown() -> None:
    """A container's name or an engine's error steers no terminal, and begins no line of its own."""
    stream = StringIO()
    log = logger(stream, level="info", form="console", mask=_hide)
    log.info("engine.lost", reason="\x1b]0;evil\x07", hint="a\n2026-01-01 forged")
    assert r"\x1b]0;evil\x07" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_less_severe_lines_are_not_written() -> None:
    """The level is a floor."""
    stream = StringIO()
    log = logger(stream, level="warning", form="json", mask=_hide)
    log.info("quiet")
    log.warning("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


@pytest.mark.parametrize("failing", [False, True])
def test_the_web_servers_errors_are_logged(*, failing: bool) -> None:
    """A record of the standard library's logging becomes an event, its traceback with it."""
    stream = StringIO()
    handler = Forward(logger(stream, level="info", form="json", mask=_hide))
    error = ValueError("hunter2") if failing else None
    handler.handle(
        logging.LogRecord(
            "selfinspect.web.connection",
            logging.ERROR,
            __file__,
            1,
            "no %s",
            ("hunter2",),
            (ValueError, error, None) if error else None,
        )
    )
    line = json.loads(stream.getvalue())
    assert (line["event"], line["message"], line["level"]) == ("web.failed", "no [masked]", "error")
    assert ("exception" in line) is failing


def test_the_web_servers_chatter_is_not_logged() -> None:
    """Below an error nothing is handed on: a stranger could fill the log with warnings."""
    assert Forward(logger(StringIO(), level="info", form="json", mask=_hide)).level == (
        logging.ERROR
    )
