"""Why a socket's file does not lead to an engine, and the option that names what was seen."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import replace

import pytest

from selfinspect.engine.http.failures import file_at, us
from selfinspect.engine.http.socket_file import File, Us, denied, group_of, refused

PATH = "/var/run/docker.sock"
NOBODY = Us(
    65532, frozenset({65532}), overrides=False, unmapped=None, label="", kernel="6.1.0-amd64"
)
ROOT = replace(NOBODY, uid=0, groups=frozenset({0}), overrides=True)
DESKTOP = "6.10.14-linuxkit"
WSL = "5.15.167.4-microsoft-standard-WSL2"
SELINUX = "system_u:system_r:container_t:s0:c141,c602"


def _file(mode: int, uid: int = 0, gid: int = 998, *, kind: int = stat.S_IFSOCK) -> File:
    return File(PATH, os.stat_result((kind | mode, 1, 1, 1, uid, gid, 0, 0, 0, 0)))


@pytest.mark.parametrize(
    ("file", "we", "hint"),
    [
        (_file(0o660), NOBODY, "join the group the socket belongs to: --group-add 998"),
        (_file(0o660, gid=0), NOBODY, "--group-add 0"),
        (_file(0o600), NOBODY, f"on the host, chmod g+rw {PATH}"),
        (_file(0o755, gid=0), NOBODY, f"on the host, chmod g+rw {PATH}"),
        (_file(0o755, gid=0), replace(NOBODY, kernel=DESKTOP), "docker run --user 0 …, or put a"),
        (_file(0o755, gid=0), replace(NOBODY, kernel=WSL), "docker run --user 0 …"),
        (File(PATH, None), NOBODY, f"--group-add $(stat -c %g {PATH})"),
        (
            File(PATH, None),
            replace(NOBODY, kernel=DESKTOP),
            f"--group-add $(docker run --rm -v {PATH}:/s busybox stat -c %g /s)",
        ),
        (
            _file(0o660, 65534, 65534),
            replace(NOBODY, unmapped=65534),
            f"docker run --userns=host --group-add $(stat -c %g {PATH}) …",
        ),
        (
            _file(0o660, 65534, 65534),
            replace(ROOT, unmapped=65534),
            f"docker run --userns=host --group-add $(stat -c %g {PATH}) …",
        ),
        (_file(0o600, gid=0), replace(NOBODY, unmapped=65534), "podman run --user 0 …"),
        (_file(0o660, gid=0), replace(NOBODY, unmapped=65534), "--group-add 0"),
        (_file(0o660, gid=65534), NOBODY, "--group-add 65534"),
        (
            _file(0o660),
            replace(ROOT, label=SELINUX),
            f"as {SELINUX}: docker run --security-opt label=disable …",
        ),
        (
            _file(0o660),
            replace(NOBODY, groups=frozenset({65532, 998}), label="docker-default (enforce)"),
            "as docker-default (enforce): docker run --security-opt apparmor=unconfined …",
        ),
        (_file(0o660), ROOT, "where the host has SELinux: docker run --security-opt label=disable"),
        (
            _file(0o660),
            replace(ROOT, label="unconfined"),
            "where the host has SELinux: docker run --security-opt label=disable",
        ),
        (_file(0o600, uid=1000, gid=1000), replace(ROOT, overrides=False), "chmod g+rw"),
        (_file(0o755, kind=stat.S_IFDIR), NOBODY, f"on the host: rmdir {PATH} && systemctl"),
    ],
)  # fmt: skip
def test_what_was_seen_says_what_lets_us_in(file: File, we: Us, hint: str) -> None:
    """By mode, owner and group of the file, by who we are, and by what confines us."""
    why = denied(file, we)
    assert hint in why.hint
    assert why.outcome == ("folder" if "rmdir" in hint else "denied")


@pytest.mark.parametrize("member", [True, False])
def test_who_is_let_in_by_the_mode_is_reported_so(*, member: bool) -> None:
    """Joining the group again would mend nothing."""
    groups = frozenset({998}) if member else frozenset[int]()
    why = denied(_file(0o660), replace(NOBODY, groups=groups))
    assert ("--group-add" in why.hint) is not member
    assert why.detail.startswith("permission denied for uid 65532")
    assert ("although the file's mode allows it" in why.detail) is member


def test_a_socket_whose_engine_was_restarted_is_stale() -> None:
    """Nothing links to it any more: a restart brings the new one, the folder each later one."""
    file = File(PATH, os.stat_result((stat.S_IFSOCK | 0o660, 1, 1, 0, 0, 998, 0, 0, 0, 0)))
    why = refused(file)
    assert why.outcome == "stale"
    assert "restart this container" in why.hint
    assert "-v /var/run:/run/engine -e DOCKER_HOST=unix:///run/engine/docker.sock" in why.hint


@pytest.mark.parametrize("file", [_file(0o660), File(PATH, None)])
def test_a_socket_where_nobody_listens_wants_its_engine(file: File) -> None:
    """Whatever else can be seen of it."""
    why = refused(file)
    assert (why.outcome, "systemctl start docker" in why.hint) == ("refused", True)


@pytest.mark.parametrize("kind", [stat.S_IFSOCK, stat.S_IFDIR])
@pytest.mark.parametrize("mode", [0o660, 0o600])
@pytest.mark.parametrize("links", [0, 1])
@pytest.mark.parametrize("unmapped", [None, 998])
def test_an_images_author_puts_no_command_into_ours(
    kind: int, mode: int, links: int, unmapped: int | None
) -> None:
    """`DOCKER_HOST` is theirs, and who reads the hint is root on the host: a path is one word."""
    path = "/run/$(reboot)/a;`reboot`.sock"
    status = os.stat_result((kind | mode, 1, 1, links, 0, 998, 0, 0, 0, 0))
    for kernel in (NOBODY.kernel, DESKTOP):
        we = replace(NOBODY, unmapped=unmapped, kernel=kernel)
        for seen in (File(path, status), File(path, None)):
            for why in (denied(seen, we), refused(seen)):
                hint = why.hint or ""
                assert "reboot" not in re.sub(r"'[^' ]*'", "", hint), hint


@pytest.mark.parametrize(("kernel", "asked"), [("6.1.0", "$(stat"), (DESKTOP, "$(docker run")])
def test_the_group_is_asked_where_the_socket_is(kernel: str, asked: str) -> None:
    """On macOS and Windows that is a VM: a container sees into it."""
    assert group_of(PATH, kernel).startswith(asked)


def test_we_are_who_the_kernel_says() -> None:
    """The process is really asked, and a file that is not there is none."""
    we = us()
    assert we.uid == os.geteuid()
    assert os.getegid() in we.groups
    assert we.kernel == os.uname().release
    assert file_at("/no/such/file").status is None
    assert file_at("/").status is not None
