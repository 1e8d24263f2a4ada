"""The reference, a topic at a time."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from selfinspect.supervise.arguments import HELP
from tests.engine.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

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
        assert outcome.err == f"selfinspect help: error: no topic {topic!r}: takes {TOPICS}\n"


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


def test_options_lists_every_option(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of `serve`, which are `run`'s too, and those of `run` alone; and no other."""
    option = re.compile(r"--[a-z]+(?:-[a-z]+)*")
    page = (ROOT / "selfinspect" / "help" / "options.md").read_text()
    listed = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `-")]
    call("serve", "--help")
    texts = f"{capsys.readouterr().out}\n{HELP}".splitlines()
    declared = [text.split("  ")[1] for text in texts if text.startswith("  -")]
    assert set(option.findall("".join(listed))) == set(option.findall("".join(declared))) - {
        "--help"
    }
