"""The name that the nonce borrows, on the real kernel."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from selfinspect.identity.proof import OwnProcess

COMM = Path("/proc/self/comm")


def test_any_thread_names_the_process_and_gives_its_name_back() -> None:
    """The name is that of the main thread, whoever sets it."""
    before = COMM.read_bytes()
    seen: list[bytes] = []

    def borrow() -> None:
        with OwnProcess().named("si-0123456789ab"):
            seen.append(COMM.read_bytes())

    thread = threading.Thread(target=borrow)
    thread.start()
    thread.join()
    assert seen == [b"si-0123456789ab\n"]
    assert COMM.read_bytes() == before


def test_the_name_is_given_back_after_a_failure() -> None:
    """An exception passes, and the name is as it was."""
    before = COMM.read_bytes()
    with pytest.raises(KeyError), OwnProcess().named("si-0123456789ab"):
        raise KeyError
    assert COMM.read_bytes() == before


def test_our_mount_namespace_is_a_number() -> None:
    """As `ps -o mntns` prints it."""
    namespace = OwnProcess().mount_namespace()
    assert f"mnt:[{namespace}]" == str(Path("/proc/self/ns/mnt").readlink())


def test_a_mount_namespace_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    """As in a sandbox that has no such link."""
    assert OwnProcess(tmp_path).mount_namespace() is None
