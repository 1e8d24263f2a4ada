"""The file that names the agent's address."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from selfinspect.supervise.announcement import announce

if TYPE_CHECKING:
    from pathlib import Path


def test_the_uri_is_written_and_taken_away(tmp_path: Path) -> None:
    """The file holds the URI as its one line, in a folder made for it, until there is none."""
    path = tmp_path / "selfinspect" / "uri"
    announce("http://127.0.0.1:1", str(path))
    announce("http://127.0.0.1:2", str(path))
    assert path.read_text() == "http://127.0.0.1:2\n"
    announce(None, str(path))
    assert list(path.parent.iterdir()) == []


def test_everyone_may_read_it(tmp_path: Path) -> None:
    """Whatever mask PID 1 was started with: the command may be another user."""
    before = os.umask(0o077)
    try:
        announce("http://127.0.0.1:1", str(tmp_path / "run" / "uri"))
    finally:
        os.umask(before)
    assert (tmp_path / "run" / "uri").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755


def test_where_nothing_can_be_written_nothing_happens(tmp_path: Path) -> None:
    """A place that takes no file is no error, to write or to clear."""
    (tmp_path / "run").touch()
    announce("http://127.0.0.1:1", str(tmp_path / "run" / "uri"))
    announce(None, str(tmp_path / "run" / "uri"))
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
