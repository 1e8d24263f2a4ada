"""The reference, a topic at a time."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from selfinspect.cli import laid_out
from selfinspect.supervise.arguments import HELP
from tests.engine.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Call

PAGES = (ROOT / "selfinspect" / "help").glob("*.md")
TOPICS = ", ".join(sorted(page.stem for page in PAGES))


def test_security_is_a_topic(call: Call) -> None:
    """What is trusted, what is not, what the socket and a proxy mean, and how to report."""
    outcome = call("help", "security")
    assert outcome.code == 0
    for said in ("## Trusted", "## Not trusted", "socket", "proxy_pass", "report a weakness"):
        assert said in outcome.out


def test_an_unknown_topic_lists_those_there_are(call: Call) -> None:
    """In one line, as a usage error."""
    for topic in ("no-such-topic", "../cli/__init__", ""):
        outcome = call("help", topic)
        assert (outcome.code, outcome.out) == (2, "")
        said = (
            f"selfinspect help: error: no topic {topic!r}: takes {TOPICS}, or a verb: run, serve, "
        )
        assert outcome.err.startswith(said)
        assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["show", "doctor"])
def test_a_verb_is_explained_by_its_own_help(
    call: Call, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    """The same as after `--help`."""
    call(verb, "--help")
    outcome = call("help", verb)
    assert (outcome.code, outcome.out) == (0, capsys.readouterr().out)


def test_run_is_explained_by_its_own_help(call: Call) -> None:
    """By the text that PID 1 prints, which names the topic with the rest."""
    outcome = call("help", "run")
    assert (outcome.code, outcome.out) == (0, HELP)
    assert "selfinspect help pid1" in outcome.out


def test_a_topic_comes_before_a_verb_of_its_name(call: Call) -> None:
    """`events` is both, and has `--help`."""
    assert call("help", "events").out.startswith("# Events")


@pytest.mark.parametrize("topic", TOPICS.split(", "))
def test_no_comment_of_a_page_is_printed(call: Call, topic: str) -> None:
    """They are for those who write it."""
    outcome = call("help", topic)
    assert outcome.code == 0
    assert "<!--" not in outcome.out


def test_on_a_terminal_a_topic_is_paged(tmp_path: Path) -> None:
    """By what PAGER names; elsewhere it is printed as it is."""
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\ncat >/dev/null\necho paged\n")
    pager.chmod(0o755)
    ours, theirs = pty.openpty()
    environ = {**os.environ, "PAGER": str(pager), "TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-m", "selfinspect", "help", "security"],
        env=environ,
        stdin=theirs,
        stdout=theirs,
    ):
        os.close(theirs)
        assert os.read(ours, 4096).split() == [b"paged"]
    os.close(ours)


def test_without_a_topic_it_lists_verbs_and_topics(call: Call) -> None:
    """As `--help` does, with the topics below."""
    outcome = call("help")
    assert outcome.code == 0
    assert "Commands:" in outcome.out
    _, _, listed = outcome.out.rpartition("\nTopics: ")
    assert " ".join(listed.split()) == TOPICS


def test_the_list_of_topics_fits_a_terminal(call: Call) -> None:
    """As the list of verbs does: eighty columns."""
    assert max(map(len, call("help").out.splitlines())) <= 80


@pytest.mark.parametrize("topic", TOPICS.split(", "))
def test_on_a_terminal_no_word_of_a_topic_is_lost(call: Call, topic: str) -> None:
    """Whatever the page has: tables, code, lists."""
    page = call("help", topic).out
    words = set(re.findall(r"\w+", re.sub(r"^\|.*\n\|---.*$", "", page, flags=re.MULTILINE)))
    assert words <= set(re.findall(r"\w+", laid_out(page, 80)))


@pytest.mark.parametrize("topic", TOPICS.split(", "))
def test_on_a_terminal_only_code_and_long_words_are_wider(call: Call, topic: str) -> None:
    """All else is wrapped, so that no cell of a table has to be searched for on the next line."""
    page = call("help", topic).out
    code = set(page.splitlines())
    wide = [line for line in laid_out(page, 80).splitlines() if len(line) > 80]
    assert [line for line in wide if line not in code and " " in line.strip()] == []


def test_a_table_too_wide_for_the_terminal_has_a_line_a_cell() -> None:
    """Below the first cell of its row, each after the name of its column; an empty one has none."""
    page = "| what | why | do |\n|---|---|---|\n| a thing | some reasons | |\n| b | c \\| d | e |\n"
    assert laid_out(page, 80).splitlines()[1] == "a thing  some reasons"
    assert laid_out(page, 20).splitlines() == [
        "a thing",
        "    why: some",
        "      reasons",
        "b",
        "    why: c | d",
        "    do: e",
    ]


def test_an_item_of_a_list_is_indented_below_its_mark() -> None:
    """Each on its own lines; code between stays as it is."""
    page = "- one two\n  three\n- four\n\n1. five six\n   seven\n\n```sh\na  b  c  d  e  f\n```\n"
    assert laid_out(page, 10).splitlines() == [
        *("- one two", "  three", "- four", ""),
        *("1. five", "   six", "   seven", ""),
        *("```sh", "a  b  c  d  e  f", "```"),
    ]
