"""Whom the children run as."""

from __future__ import annotations

import grp
import os
import pwd
import socket
from typing import TYPE_CHECKING

import pytest

from selfinspect.supervise.users import User, engine_groups, find_user

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.supervise.conftest import Supervise

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")

WHO = "id -u; id -g; id -G; echo $HOME"


def test_no_user_is_none() -> None:
    """Who is not asked for stays as it is."""
    assert find_user("--user", None) is None


@needs_root
@pytest.mark.parametrize(
    ("text", "uid", "gid", "groups", "home"),
    [
        ("4711", 4711, 4711, [4711], "/"),
        ("4711:4712", 4711, 4712, [4712], "/"),
        ("65534:0", 65534, 0, [0], pwd.getpwuid(65534).pw_dir),
        ("nobody:4712", 65534, 4712, [4712], pwd.getpwuid(65534).pw_dir),
        ("root:daemon", 0, grp.getgrnam("daemon").gr_gid, [grp.getgrnam("daemon").gr_gid], "/root"),
    ],
)
def test_users_by_number_and_by_name(
    text: str, uid: int, gid: int, groups: list[int], home: str
) -> None:
    """A number that stands nowhere is its own group, never root's; a group named stands alone."""
    user = find_user("--user", text)
    assert user is not None
    assert (user.uid, user.gid, user.groups, user.home) == (uid, gid, groups, home)


@needs_root
def test_a_user_without_a_group_gets_those_it_is_in() -> None:
    """As /etc/passwd and /etc/group have it."""
    user = find_user("--user", "nobody")
    entry = pwd.getpwnam("nobody")
    assert user is not None
    assert (user.gid, user.groups) == (entry.pw_gid, os.getgrouplist("nobody", entry.pw_gid))


@needs_root
@pytest.mark.parametrize(
    "text", ["", "no-such-user", "1:no-such-group", "1:", ":1", "-1", "2147483648", "1:2:3", "1 "]
)
def test_whoever_is_not_there_is_refused(text: str) -> None:
    """The message says what would be right."""
    with pytest.raises(ValueError, match=r"^--user '.*': takes UID\[:GID\]"):
        find_user("--user", text)


def test_others_than_root_are_refused(supervise: Supervise) -> None:
    """Without the right to change users nothing starts, and an error says so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(ValueError, match=r"^--agent-user '0': only root can do this"):
            find_user("--agent-user", "0")
    run = supervise("true", options=["--user", "no-such-user"])
    assert run.process.wait() == 125


@needs_root
def test_command_and_agent_run_as_different_users(supervise: Supervise, tmp_path: Path) -> None:
    """Each with its own groups and home; only the agent has the engine's group."""
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "engine"))
        os.chown(tmp_path / "engine", 0, 4713)
        (tmp_path / "engine").chmod(0o660)
        run = supervise(
            "sh", "-c", f"read go; {WHO}", agent=["sh", "-c", f"{WHO}; exec sleep 1000"],
            options=["--user=4711", "--agent-user", "4712", f"--engine=unix://{tmp_path}/engine"],
        )  # fmt: skip
        uid, gid, groups, home = (run.line() for _ in range(4))
    assert (uid, gid, home) == ("4712", "4712", "/")
    assert set(groups.split()) == {"4712", "4713", *map(str, os.getgroups())} - {"0"}
    run.write("go")
    assert run.rest() == ["4711", "4711", "4711", "/"]


@needs_root
def test_the_users_group_reaches_a_unix_listener_and_its_own_streams(
    supervise: Supervise, tmp_path: Path
) -> None:
    """The command connects to its agent's socket, and reopens /dev/stdout."""
    for folder in (each for each in (tmp_path, *tmp_path.parents) if "pytest-of" in str(each)):
        folder.chmod(0o755)
    script = "stat -c '%g %a' $0 > /dev/stdout"
    path = str(tmp_path / "api")
    run = supervise("sh", "-c", script, path, listen=f"unix://{path}", options=["--user=4711"])
    assert run.rest() == ["4711 660"]


@needs_root
def test_a_user_that_cannot_be_become_starts_nothing(
    supervise: Supervise, capfd: pytest.CaptureFixture[str]
) -> None:
    """Root without the capability does not run the command as root instead."""
    drop = ["setpriv", "--bounding-set", "-setuid", "--inh-caps", "-setuid"]
    if os.spawnvp(os.P_WAIT, drop[0], [*drop, "true"]):
        pytest.skip("setpriv is not here")
    run = supervise("echo", "ran", options=["--user", "4711"], through=drop)
    assert (run.rest(), run.process.wait()) == ([], 126)
    assert "cannot become 4711:4711: Operation not permitted" in capfd.readouterr().err


def test_joining_keeps_what_there_is() -> None:
    """Further groups come once each, after the user's own."""
    assert User(1, 2, [2, 3]).joining([3, 4, 4]).groups == [2, 3, 4]


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """An engine's socket, of a group that nobody here is in."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    os.chown(path, -1, 4713)
    path.chmod(0o660)
    return path


@needs_root
def test_the_engines_group_is_found_wherever_the_agent_looks(engine: Path) -> None:
    """Where `--engine` says, else DOCKER_HOST, else in the usual places."""
    uri = f"unix://{engine}"
    runtime = {"XDG_RUNTIME_DIR": str(engine.parent)}
    assert 4713 in engine_groups([uri], {})
    assert 4713 in engine_groups(["auto"], {"DOCKER_HOST": uri})
    assert 4713 in engine_groups([], runtime)
    assert 4713 not in engine_groups(["off"], runtime | {"DOCKER_HOST": uri})


@needs_root
def test_a_group_that_may_not_open_the_socket_does_not_count(engine: Path) -> None:
    """Nor does that of a file which is not a socket."""
    engine.chmod(0o640)
    assert 4713 not in engine_groups([f"unix://{engine}"], {})
    engine.unlink()
    assert 4713 not in engine_groups([f"unix://{engine}"], {})
    engine.touch(0o660)
    os.chown(engine, -1, 4713)
    assert 4713 not in engine_groups([f"unix://{engine}"], {})


def test_an_engine_elsewhere_gives_no_group() -> None:
    """An engine on the network has no file."""
    inherited = [group for group in os.getgroups() if group != 0]
    assert engine_groups(["tcp://127.0.0.1:2375"], {}) == inherited
    assert engine_groups(["off"], {}) == inherited
