"""The reference, a topic at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.conftest import ROOT

if TYPE_CHECKING:
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


def test_without_a_topic_it_lists_verbs_and_topics(call: Call) -> None:
    """As `--help` does, with the topics below."""
    outcome = call("help")
    assert outcome.code == 0
    assert "Commands:" in outcome.out
    assert outcome.out.endswith(f"\nTopics: {TOPICS}\n")
