"""README and the pages of help: short, linked, and nothing in them leads nowhere."""

from __future__ import annotations

import re

import pytest

from tests.engine.conftest import ROOT

HELP = ROOT / "selfinspect" / "help"
PAGES = [ROOT / "README.md", *sorted(HELP.glob("*.md")), *sorted((ROOT / ".github").glob("*.md"))]
README = PAGES[0].read_text()


def test_it_is_read_in_three_minutes() -> None:
    """Ten kilobytes; what is longer is a page of help."""
    assert len(README.encode()) <= 10_000


def test_the_help_is_no_burden_on_an_image() -> None:
    """All its pages together."""
    assert sum(page.stat().st_size for page in HELP.glob("*.md")) <= 150_000


def test_every_topic_is_linked() -> None:
    """From README, by its file."""
    linked = set(re.findall(r"\(selfinspect/help/(\w+)\.md\)", README))
    assert linked == {page.stem for page in HELP.glob("*.md")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_is_dead(page: object) -> None:
    """Those to files; nothing is asked of the network."""
    path = ROOT / str(page)
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text()):
        assert target.startswith("http") or (path.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page: object) -> None:
    """Those of `deploy/`, `examples/` and `tests/`."""
    text = (ROOT / str(page)).read_text()
    for named in re.findall(r"`((?:deploy|examples|tests)/[\w./-]+)", text):
        assert (ROOT / named).exists(), named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_topic_that_is_named_is_there(page: object) -> None:
    """After `selfinspect help`."""
    topics = {path.stem for path in HELP.glob("*.md")}
    for named in re.findall(r"`selfinspect help\s+([a-z]\w*)`", (ROOT / str(page)).read_text()):
        assert named in topics
