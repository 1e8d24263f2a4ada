"""What a terminal is sent of others' text, in a container on a real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import until

if TYPE_CHECKING:
    from tests.engine.conftest import Container, Engine

pytestmark = pytest.mark.engine

# The title, the clipboard, a cleared screen, in seven bits and in eight.
EVIL = "\x1b]0;evil\x07\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b2J\u202e"
SHOWN = r"\x1b]0;evil\x07\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b2J\u202e"
VERBS = (
    ("show", "env/EVIL"),
    ("show", "labels/evil"),
    ("inspect", "Config/Labels/evil"),
    ("logs",),
    ("events", "--all"),
    ("show", f"no-such-{EVIL}"),
    ("id", f"--engine={EVIL}"),
    ("no-such-verb" + EVIL,),
)


@pytest.fixture
def app(engine: Engine) -> Container:
    """A container of which all that others can name is evil."""
    made = engine.start(
        "--env", f"EVIL={EVIL}", "--label", f"evil={EVIL}", "--no-healthcheck",
        command=("run", "--", "sh", "-c", 'echo "$EVIL"; exec sleep 1000', EVIL),
    ).ready()  # fmt: skip
    made.exec("true", EVIL)
    until(lambda: "true" in made.exec("selfinspect", "events", "--all"), "the exec's event")
    return made


def test_no_control_character_of_others_reaches_a_terminal(app: Container) -> None:
    """Whatever the verb: it is shown as Python writes it. Of ours there are line ends alone."""
    for words in (*VERBS, ("top",), ("runs",), ("id", "--explain"), ("env",), ("doctor",)):
        shown = terminal(app, *words)
        # In JSON and in what Python quotes a backslash is two.
        assert words not in VERBS or SHOWN in shown.replace(r"\\", "\\"), words
        assert [each for each in shown if not each.isprintable() and each not in "\r\n"] == [], (
            words
        )


def terminal(app: Container, *words: str) -> str:
    """What a verb writes to a terminal."""
    tty = ("exec", "--tty", "--env", "TERM=dumb", "--env", "PYTHONUTF8=1", app.id)
    script = ("sh", "-c", 'selfinspect "$@" || true', "sh", *words)
    return app.engine.docker(*tty, *script)


def test_a_script_gets_it_as_it_is(app: Container) -> None:
    """Control characters act only on a terminal: elsewhere a value is printed as it is."""
    raw = app.engine.docker(
        "exec", "--env", "PYTHONUTF8=1", app.id, "selfinspect", "show", "env/EVIL"
    )
    assert raw == EVIL
