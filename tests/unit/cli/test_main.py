"""The command line as a whole: verbs, help, usage errors, exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect import __version__
from selfinspect.cli.exit_codes import exit_code
from selfinspect.errors import (
    AmbiguousIdentityError,
    BadRequestError,
    EngineAnswerError,
    EngineDeniedError,
    EngineError,
    EngineUnreachableError,
    EngineUnsupportedError,
    IdentityError,
    NotFoundError,
    SelfinspectError,
    UnknownContainerError,
)

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call

VERBS = [
    "run",
    "serve",
    "id",
    "show",
    "inspect",
    "stats",
    "events",
    "runs",
    "top",
    "logs",
    "env",
    "wait",
    "doctor",
    "healthcheck",
    "version",
]


def answered(kind: type[EngineAnswerError]) -> EngineAnswerError:
    """An engine's refusal."""
    return kind("no", code=500, capability="inspect")


def test_the_version_is_told(call: Call) -> None:
    """Program and version, on standard output."""
    outcome = call("version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"selfinspect {__version__}\n", "")


def test_help_lists_the_verbs(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with a line of its own, in the order in which a person meets them."""
    assert call("--help").code == 0
    lines = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == VERBS
    assert all(len(line.split()) > 2 for line in lines)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(call: Call, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    """Usage and options, each option with a text that begins like a sentence."""
    assert call(verb, "--help").code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: selfinspect {verb}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nope",), "No such command 'nope'"),
        (("id", "extra"), "extra"),
        (("id", "--nope"), "'--nope'"),
        (("show", "a", "b"), "b"),
        (("run",), "run comes first"),
        (("version", "--short"), "'--short'"),
    ],
)
def test_a_usage_error_is_one_line_and_exit_2(
    call: Call, words: tuple[str, ...], said: str
) -> None:
    """It names what is wrong, and prints nothing a program could take for an answer."""
    outcome = call(*words)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert "error: " in outcome.err
    assert said in outcome.err


def test_no_verb_shows_the_help(call: Call) -> None:
    """On standard error, for nothing was asked."""
    outcome = call()
    assert (outcome.code, outcome.out) == (2, "")
    assert "Commands:" in outcome.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("no"), 1),
        (SelfinspectError("no"), 1),
        (BadRequestError("no"), 2),
        (IdentityError("no"), 3),
        (AmbiguousIdentityError("no"), 3),
        (EngineError("no"), 4),
        (EngineUnreachableError("no"), 4),
        (answered(EngineAnswerError), 4),
        (answered(EngineDeniedError), 5),
        (answered(EngineUnsupportedError), 1),
        (answered(UnknownContainerError), 1),
    ],
)
def test_an_error_has_its_exit_code(error: SelfinspectError, code: int) -> None:
    """A script tells "no" from "cannot say" by the code alone."""
    assert exit_code(error) == code
