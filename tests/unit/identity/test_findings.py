"""What a list of processes proves about the one that bears our name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.inspect.listings import Process
from selfinspect.identity.findings import Finding, Sought, by_processes

if TYPE_CHECKING:
    from selfinspect.engine.quirks import Lister
    from selfinspect.model import Json

NAME = "si-0123456789ab"
OURS, THEIRS = "4026532396", "4026532397"
SOUGHT = Sought(NAME, OURS, own_pids=True, hidden=False)
FIRST = Process("4711", "app", OURS)
HIDDEN = replace(FIRST, mount_namespace=None)
MINE = Process("4712", NAME, OURS)
INSPECT: Json = {"State": {"Pid": 4711}, "HostConfig": {"PidMode": ""}}


def found(*rows: Process, sought: Sought = SOUGHT, by: Lister = "machine") -> Finding:
    return by_processes(Finding("unknown", "", "a1" * 32, inspect=INSPECT), rows, sought, by)


def verdict(*rows: Process, sought: Sought = SOUGHT, by: Lister = "machine") -> str:
    return found(*rows, sought=sought, by=by).verdict


def test_one_row_in_our_namespace_beside_the_first_process_proves() -> None:
    """All three together, and a zombie main thread is still ours by name."""
    assert verdict(FIRST, MINE) == "proven"
    assert verdict(FIRST, replace(MINE, name=f"{NAME} <defunct>")) == "proven"


def test_our_own_process_may_be_the_first() -> None:
    """The agent alone, as the container's PID 1."""
    assert verdict(replace(FIRST, name=NAME)) == "proven"


def test_a_copied_name_disproves() -> None:
    """The row that bears it has other mounts, so ours is not in the list."""
    assert verdict(
        replace(FIRST, mount_namespace=THEIRS), replace(MINE, mount_namespace=THEIRS)
    ) == ("disproved")


def test_two_rows_with_the_name_prove_nothing() -> None:
    """One of them is a copy, and may be of another container's making."""
    assert verdict(FIRST, MINE, Process("4713", NAME, THEIRS)) == "unknown"


def test_an_outer_container_is_not_ours() -> None:
    """It lists our row, and its first process has other mounts."""
    assert verdict(replace(FIRST, mount_namespace=THEIRS), MINE) == "disproved"


def test_a_list_without_our_row_disproves() -> None:
    """As every neighbour's is, or a sidecar could not be distinguished from its app."""
    assert verdict(FIRST) == "disproved"


def test_a_list_without_rows_says_nothing() -> None:
    """A running container has one at least."""
    assert verdict() == "unknown"


@pytest.mark.parametrize("row", [None, replace(MINE, mount_namespace=THEIRS)])
def test_what_a_runtime_hides_is_not_missed(row: Process | None) -> None:
    """Kata's list is of a virtual machine, gVisor's of a kernel in a process."""
    rows = (FIRST, row) if row else (FIRST,)
    assert verdict(*rows, sought=replace(SOUGHT, hidden=True)) == "unknown"


@pytest.mark.parametrize(
    ("rows", "sought", "by"),
    [
        ((HIDDEN, replace(MINE, mount_namespace=None)), SOUGHT, "machine"),
        ((HIDDEN, MINE), SOUGHT, "machine"),
        ((MINE,), SOUGHT, "machine"),
        ((FIRST, MINE), replace(SOUGHT, mount_namespace=None), "machine"),
        ((FIRST, MINE), SOUGHT, "image"),
    ],
    ids=["BusyBox", "the first's is kept back", "the first is not there", "ours cannot be read",
         "the image's own ps"],
)  # fmt: skip
def test_the_name_alone_is_seen_and_proves_nothing(
    rows: tuple[Process, ...], sought: Sought, by: Lister
) -> None:
    """Without namespaces it supports what other evidence names, and no more."""
    finding = found(*rows, sought=sought, by=by)
    assert (finding.verdict, finding.seen) == ("unknown", True)


def test_in_a_list_of_a_pid_namespace_the_first_is_its_pid_1() -> None:
    """Podman's: host PIDs say nothing there."""
    assert verdict(Process("1", "app", OURS), MINE, by="namespace") == "proven"
    assert verdict(Process("1", "app", THEIRS), MINE, by="namespace") == "disproved"
    assert verdict(FIRST, MINE, by="namespace") == "unknown"


def test_a_list_of_a_shared_pid_namespace_proves_nothing() -> None:
    """Who shares it is listed, whatever mounts were entered."""
    shared = replace(SOUGHT, own_pids=False)
    finding = found(Process("1", "app", OURS), MINE, sought=shared, by="namespace")
    assert (finding.verdict, finding.seen) == ("unknown", False)
    assert finding.reason == "our process is in its PID namespace, which may be shared"


def test_what_was_seen_stays_seen() -> None:
    """A later proof that decides nothing does not take it back."""
    seen = Finding("unknown", "", "a1" * 32).undecided("in its list", seen=True)
    assert seen.undecided("its layer is hidden").seen
