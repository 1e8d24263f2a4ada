"""Whose file system we have at our `/`."""

from __future__ import annotations

import pytest

from selfinspect.identity.mounts import Root, root_of
from selfinspect.kernel.proc_self import parse_mounts

OURS = "700 600 0:50 / / rw - overlay overlay rw,upperdir=/l/diff\n"


@pytest.mark.parametrize(
    ("text", "init", "expected"),
    [
        (OURS, OURS, Root(whole=True, overlay=True, of_init=True)),
        (OURS, OURS.replace("700", "701"), Root(whole=True, overlay=True, of_init=False)),
        (OURS, "", Root(whole=True, overlay=True)),
        (OURS.replace(" / / ", " /bundle/rootfs / "), "", Root(overlay=True)),
        (OURS + "800 700 0:60 / / rw - tmpfs tmpfs rw\n", OURS, Root(whole=True, of_init=False)),
        ("", OURS, Root()),
    ],
    ids=["PID 1's", "another's", "PID 1 hidden", "a folder", "mounted over", "no mount"],
)
def test_the_topmost_mount_decides(text: str, init: str, expected: Root) -> None:
    """A mount has one ID on the machine: PID 1's and ours are one mount, or two."""
    assert root_of(parse_mounts(text), parse_mounts(init)) == expected


@pytest.mark.parametrize(
    ("of_init", "own_pids", "owner"),
    [
        (True, True, "ours"),
        (False, True, "unknown"),
        (None, True, "unknown"),
        (True, False, "unknown"),
        (False, False, "perhaps"),
        (None, False, "unknown"),
        (True, None, "unknown"),
        (False, None, "perhaps"),
    ],
)
def test_it_is_ours_where_our_own_pid_1_has_it(
    *, of_init: bool | None, own_pids: bool | None, owner: str
) -> None:
    """Entered with chroot, PID 1 of our own has another; with nsenter, another's has the same."""
    assert Root(whole=True, of_init=of_init).owner(own_pids=own_pids) == owner
