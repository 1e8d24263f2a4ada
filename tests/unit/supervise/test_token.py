"""The token that PID 1 makes, and the file it leaves it in."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from selfinspect.supervise.announcement import provide, take_away
from selfinspect.supervise.handover import VARIABLE, Handover, control_pair
from tests.support.odd_files import ODD_FILES, see_that_nothing_leaked

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("asked", [None, "/run/secrets/token"])
def test_a_file_of_somebody_elses_is_left_alone(asked: str | None, tmp_path: Path) -> None:
    """Its path is handed on; we make no token of our own."""
    assert provide(asked, f"{tmp_path}/token") == (None, asked)
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_left_for_one_user_alone(tmp_path: Path) -> None:
    """On a line of its own, in a folder that is made, long enough not to be guessed."""
    token, path = provide("auto", f"{tmp_path}/run/token")
    file = tmp_path / "run" / "token"
    assert (path, token) == (str(file), file.read_bytes().rstrip(b"\n"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    assert len(token or b"") == 64
    assert [each.name for each in file.parent.iterdir()] == ["token"]


def test_every_start_has_a_token_of_its_own(tmp_path: Path) -> None:
    """An old file is replaced."""
    first, second = (provide("auto", f"{tmp_path}/token")[0] for _ in range(2))
    assert first != second
    assert (tmp_path / "token").read_bytes() == (second or b"") + b"\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away takes root")
def test_the_commands_user_owns_it(tmp_path: Path) -> None:
    """Who is another than the agent's."""
    provide("auto", f"{tmp_path}/token", owner=4711)
    assert (tmp_path / "token").stat().st_uid == 4711


def test_a_token_that_cannot_be_left_still_closes_the_api(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The agent gets it, nobody else does, and one line says so."""
    (tmp_path / "file").touch()
    token, path = provide("auto", f"{tmp_path}/file/token")
    assert (token is None, path) == (False, None)
    assert f"token.failed path={tmp_path}/file/token" in capfd.readouterr().err


def test_it_is_taken_away_at_the_end(tmp_path: Path) -> None:
    """And removing what is not there is not a failure."""
    provide("auto", f"{tmp_path}/token")
    for _ in range(2):
        take_away(f"{tmp_path}/token")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("token", [b"minted", None])
def test_it_reaches_the_agent_on_the_line_to_pid_1(token: bytes | None) -> None:
    """Sent before the agent is there; without one the line is silent, and the agent has none."""
    ours, theirs = control_pair()
    with closing(ours), closing(theirs):
        if token is not None:
            ours.send(token)
        handed = Handover.from_environment({VARIABLE: f"control={theirs.detach()}"})
        assert handed is not None
        with handed.control:
            assert handed.token == token


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_in_its_place_is_replaced_or_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    """Nothing is written through it; in place of a folder none is left to read."""
    path = tmp_path / "run" / "token"
    path.parent.mkdir()
    ODD_FILES[kind](path)
    token, left = provide("auto", str(path))
    if kind == "folder":
        assert (token is None, left) == (False, None)
        assert "token.failed" in capfd.readouterr().err
    else:
        assert path.read_bytes() == (token or b"") + b"\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
    see_that_nothing_leaked(path)
