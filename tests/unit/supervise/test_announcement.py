"""The file that names the agent's address."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from selfinspect.supervise.announcement import Announcement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANOTHER = """
import sys
from selfinspect.supervise.announcement import Announcement
Announcement(sys.argv[1]).write("http://another:1")
print("up", flush=True)
sys.stdin.read()
"""


@contextmanager
def another(path: Path) -> Iterator[None]:
    """An agent in another process, until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield
        process.kill()


def test_the_uri_is_written_and_taken_away(tmp_path: Path) -> None:
    """The file holds the URI as its one line, in a folder made for it, until there is none."""
    path = tmp_path / "selfinspect" / "uri"
    announcement = Announcement(str(path))
    announcement.write("http://127.0.0.1:1")
    assert path.read_text() == "http://127.0.0.1:1\n"
    announcement.withdraw()
    assert list(path.parent.iterdir()) == []


def test_an_old_one_is_replaced_or_taken_away(tmp_path: Path) -> None:
    """Whoever wrote it is dead: its address leads nowhere, or to a neighbour."""
    path = tmp_path / "uri"
    with another(path):
        pass
    announcement = Announcement(str(path))
    assert announcement.is_ours
    announcement.write("http://127.0.0.1:2")
    assert path.read_text() == "http://127.0.0.1:2\n"
    announcement.write(None)
    assert not path.exists()


def test_that_of_an_agent_that_lives_is_left_alone(tmp_path: Path) -> None:
    """It is neither replaced nor taken away by one that comes after it."""
    path = tmp_path / "uri"
    with another(path):
        announcement = Announcement(str(path))
        assert not announcement.is_ours
        announcement.write("http://127.0.0.1:2")
        announcement.write(None)
        announcement.withdraw()
        assert path.read_text() == "http://another:1\n"


def test_one_that_has_taken_our_place_is_left_alone(tmp_path: Path) -> None:
    """As of two that started at the same moment."""
    path = tmp_path / "uri"
    announcement = Announcement(str(path))
    announcement.write("http://127.0.0.1:2")
    path.unlink()
    with another(path):
        announcement.withdraw()
        assert path.read_text() == "http://another:1\n"


def test_everyone_may_read_it(tmp_path: Path) -> None:
    """Whatever mask PID 1 was started with: the command may be another user."""
    before = os.umask(0o077)
    try:
        Announcement(str(tmp_path / "run" / "uri")).write("http://127.0.0.1:1")
    finally:
        os.umask(before)
    assert (tmp_path / "run" / "uri").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755


def test_where_nothing_can_be_written_nothing_happens(tmp_path: Path) -> None:
    """A place that takes no file is no error, to write or to clear."""
    (tmp_path / "run").touch()
    announcement = Announcement(str(tmp_path / "run" / "uri"))
    announcement.write("http://127.0.0.1:1")
    announcement.write(None)
    announcement.withdraw()
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
