"""The name that the nonce borrows, on the real kernel."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from selfinspect.identity.process import OwnProcess

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


def test_our_own_name_is_among_those_we_see() -> None:
    """The processes of our PID namespace include us."""
    assert COMM.read_text().removesuffix("\n") in OwnProcess().commands()


def test_processes_that_ended_are_left_out(tmp_path: Path) -> None:
    """A folder without a name is a process that has ended."""
    (tmp_path / "7").mkdir()
    (tmp_path / "8").mkdir()
    (tmp_path / "8" / "comm").write_text("sh\n")
    (tmp_path / "self").mkdir()
    assert OwnProcess(tmp_path).commands() == {"sh"}
