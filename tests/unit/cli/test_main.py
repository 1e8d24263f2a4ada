"""The command line as a whole: verbs, help, usage errors, exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect import __version__
from selfinspect.cli.verb import exit_code
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
from selfinspect.supervise.arguments import HELP

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
    "open",
    "wait",
    "doctor",
    "healthcheck",
    "help",
    "version",
]


def answered(kind: type[EngineAnswerError]) -> EngineAnswerError:
    """An engine's refusal."""
    return kind("no", code=500, capability="inspect")


def test_the_version_is_printed(call: Call) -> None:
    """Program and version, on standard output."""
    outcome = call("version")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"selfinspect {__version__}\n", "")


def test_help_lists_the_verbs(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with a line of its own, in the order in which a person meets them."""
    assert call("--help").code == 0
    lines = capsys.readouterr().out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == VERBS
    assert all(len(line.split()) > 2 and line.endswith(".") for line in lines)
    assert not [line for line in lines if line.endswith("...")]


def test_help_says_what_is_true_of_all_verbs(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit codes, how options are variables, and how a shell completes."""
    assert call("--help").code == 0
    out = capsys.readouterr().out
    codes = out.partition("Exit codes:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in codes] == ["0", "1", "2", "3", "4", "5"]
    assert "SELFINSPECT_ENGINE" in out
    assert "_SELFINSPECT_COMPLETE=bash_source" in out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(call: Call, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    """What it does in a sentence, its own options first, an example that names it."""
    assert call(verb, "--help").code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: selfinspect {verb}")
    assert out.splitlines()[2].endswith(".")
    headings = [line for line in out.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings[0] == "Options:"
    assert f"selfinspect {verb}" in out.partition("Examples:\n")[2].replace('", "', " ")


@pytest.mark.parametrize("verb", VERBS)
def test_help_fits_a_narrow_terminal(
    call: Call, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Sentences are broken as it asks; only words and examples are as long as they are."""
    monkeypatch.setenv("COLUMNS", "60")
    assert call(verb, "--help").code == 0
    shown = capsys.readouterr().out.partition("Examples:\n")[0]
    assert max(map(len, shown.splitlines())) <= 60


@pytest.mark.parametrize("verb", ["", *VERBS])
@pytest.mark.parametrize("columns", ["80", "200"])
def test_help_is_never_wider_than_80_columns(
    call: Call,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    columns: str,
) -> None:
    """Examples included, however wide the terminal is."""
    monkeypatch.setenv("COLUMNS", columns)
    assert call(*filter(None, [verb]), "--help").code == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_the_help_of_run_is_never_wider_than_80_columns() -> None:
    """PID 1 prints a text of its own."""
    assert max(map(len, HELP.splitlines())) <= 80
    assert "selfinspect run -- " in HELP.partition("Examples:\n")[2]


@pytest.mark.parametrize("option", ["--version", "-v"])
def test_the_version_is_an_option_as_well(
    call: Call, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """As everybody tries first."""
    assert call(option).code == 0
    assert capsys.readouterr().out == f"selfinspect {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("xyzzy",), "no verb 'xyzzy': takes run, serve, id, show,"),
        (("stat",), "no verb 'stat': did you mean stats? It takes run,"),
        (("helthcheck",), "did you mean healthcheck?"),
        (("events", "--follow", "--until", "1h"), "--until does not go with --follow"),
        (("events", "--until", "noon"), "until 'noon' is not a time"),
        (("logs", "--since", "noon"), "since 'noon' is not a time: since takes RFC 3339"),
        (("--nope",), "'--nope'"),
        (("id", "extra"), "(extra): see selfinspect id --help"),
        (("id", "--nope"), "'--nope': see selfinspect id --help"),
        (("serve", "--wiat", "5s"), "'--wiat'; or did you mean --wait of `run`?: see selfinspect"),
        (("serve", "--lisen=x"), "'--tls-key'?): see"),
        (("logs", "--tail"), "'--tail' requires an argument: see selfinspect logs --help"),
        (("logs", "--tail", "x"), "'x': takes a number of lines"),
        (("logs", "--tail", "-1"), "'-1': takes a number of lines"),
        (("stats", "--follow=x"), "'--follow' does not take a value"),
        (("events", "--since", "noon"), "'noon' is not a time: since takes RFC 3339"),
        (("env", "--format", "xml"), "'sh', 'dotenv', 'json'"),
        (("wait", "--timeout", "soon"), "'soon': takes a duration"),
        (("id", "--engine", "tcp://bob:hunter2x@h"), "'tcp://bob:[masked]@h': takes auto, off"),
        (("show", "a", "b"), "(b): see selfinspect show --help"),
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
    verb = " ".join(words[: words[0] in VERBS])
    assert outcome.err.startswith(f"selfinspect {verb}".rstrip() + ": ")
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
    """A script distinguishes "no" from "unknown" by the code alone."""
    assert exit_code(error) == code
