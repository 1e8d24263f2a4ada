"""The file that names the agent's address."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from selfinspect.supervise.announcement import Announcement
from tests.support.odd_files import ODD_FILES, see_that_nothing_leaked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away takes root")

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


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_in_its_place_is_replaced_or_left(tmp_path: Path, kind: str) -> None:
    """It is not another agent's, is neither followed nor waited for, and a folder alone stays."""
    path = tmp_path / "run" / "uri"
    path.parent.mkdir()
    ODD_FILES[kind](path)
    announcement = Announcement(str(path))
    assert announcement.is_ours
    announcement.write("http://127.0.0.1:1")
    assert path.is_dir() if kind == "folder" else path.read_text() == "http://127.0.0.1:1\n"
    announcement.withdraw()
    assert path.exists() == (kind == "folder")
    see_that_nothing_leaked(path)


def test_a_draft_whose_name_could_be_foreseen_is_not_written_through(tmp_path: Path) -> None:
    """As PID 1 once wrote `uri.1`, which CMD's user made a link to /etc/shadow."""
    (tmp_path / "shadow").write_text("root:!\n")
    run = tmp_path / "run"
    run.mkdir()
    (run / f"uri.{os.getpid()}").symlink_to(tmp_path / "shadow")
    Announcement(str(run / "uri")).write("http://127.0.0.1:1")
    assert (tmp_path / "shadow").read_text() == "root:!\n"


@needs_root
def test_root_takes_the_folder_over(tmp_path: Path) -> None:
    """From the user an image gave it to, so that what stands in it is root's alone."""
    run = tmp_path / "run"
    run.mkdir()
    os.chown(run, 4711, 4711)
    Announcement(str(run / "uri")).write("http://127.0.0.1:1")
    assert [each.stat().st_uid for each in (run, run / "uri")] == [0, 0]
    assert run.stat().st_mode & 0o777 == 0o755


@needs_root
def test_root_does_not_take_over_the_folder_of_an_agent_that_lives(tmp_path: Path) -> None:
    """As in a `docker exec -u 0` beside an agent of another user."""
    path = tmp_path / "run" / "uri"
    with another(path):
        os.chown(path.parent, 4711, 4711)
        Announcement(str(path)).write("http://127.0.0.1:2")
        assert path.parent.stat().st_uid == 4711
        assert path.read_text() == "http://another:1\n"


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """The agent then does without."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    announcement = Announcement(str(tmp_path / "run" / "uri"))
    announcement.write("http://127.0.0.1:1")
    announcement.withdraw()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_where_nothing_can_be_written_nothing_happens(tmp_path: Path) -> None:
    """A place that takes no file is not an error, to write or to clear."""
    (tmp_path / "run").touch()
    announcement = Announcement(str(tmp_path / "run" / "uri"))
    announcement.write("http://127.0.0.1:1")
    announcement.write(None)
    announcement.withdraw()
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
