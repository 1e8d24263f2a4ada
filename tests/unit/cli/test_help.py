"""The reference, a topic at a time."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

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
    assert outcome.out.endswith(f"\nTopics: {TOPICS}\n")
