"""The pure parts of `python -m tests.benchmarks`."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.figures import (
    OURS,
    Point,
    Row,
    curves,
    differences,
    documents,
    percentile,
    table,
)
from tests.benchmarks.processes import numbers, of_engine
from tests.benchmarks.scale import foreign

if TYPE_CHECKING:
    from pathlib import Path

OWN, OTHER = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("samples", "percent", "expected"),
    [
        ([5.0], 99, 5),
        ([3.0, 1.0, 2.0], 50, 2),
        ([float(each) for each in range(1, 101)], 99, 99),
        ([float(each) for each in range(1, 101)], 95, 95),
        ([float(each) for each in range(1, 11)], 99, 10),
        ([1.0, 2.0], 0, 1),
    ],
)
def test_a_percentile_is_a_sample(samples: list[float], percent: float, expected: float) -> None:
    """By the nearest rank: of few samples the 99th is the largest, and none is made up."""
    assert percentile(samples, percent) == expected


def test_a_table_compares_with_ours() -> None:
    """A peer's ratio is to ours of the same kind; one that is not to be had says why."""
    rows = [
        Row("answer", OURS, "ms", (2.0, 1.0, 3.0)),
        Row("answer", "peer", "ms", (3.0,)),
        Row("answer", "missing", "ms", lack="pip failed"),
        Row("start", "peer", "ms", (1234.5,)),
    ]
    assert table(rows) == [
        "what    who          n  median  p95   p99   unit  x ours",
        "answer  selfinspect  3  2.00    3.00  3.00  ms",
        "answer  peer         1  3.00    3.00  3.00  ms    1.50",
        "answer  missing      not to be had: pip failed",
        "start   peer         1  1234    1234  1234  ms",
    ]


def test_a_document_has_every_sample() -> None:
    """The JSON says all that the table says, and from what."""
    rows = [Row("answer", OURS, "ms", (2.0,)), Row("answer", "peer", "ms", (3.0, 5.0))]
    _, peer = documents(rows)
    assert peer == {
        "what": "answer", "who": "peer", "unit": "ms", "n": 2,
        "median": 4.0, "p95": 5.0, "p99": 5.0, "ratio": 2.0, "samples": [3.0, 5.0],
    }  # fmt: skip
    assert documents([Row("answer", "peer", "ms", lack="no")]) == [
        {"what": "answer", "who": "peer", "unit": "ms", "lack": "no"}
    ]


def test_curves_have_a_column_a_number_of_containers() -> None:
    """A figure that there is not for every number leaves its cell empty."""
    points = [
        Point("ready, s", "agents", 1, 0.5),
        Point("ready, s", "agents", 10, 2.25),
        Point("ready, s", "plain", 10, 0.0),
    ]
    assert curves(points) == [
        "what      who     N=1    N=10",
        "ready, s  agents  0.500  2.25",
        "ready, s  plain          0",
    ]


def test_agents_are_compared_with_as_many_plain_containers() -> None:
    """What only agents have is compared with nothing."""
    points = [
        Point("engine", "agents", 10, 3.0),
        Point("memory", "agents", 10, 9.0),
        Point("engine", "plain", 10, 1.0),
        Point("engine", "plain", 50, 1.0),
    ]
    assert differences(points) == [Point("engine", "agents - plain", 10, 2.0)]


def test_numbers_of_a_process_are_read_by_name() -> None:
    """Of a status as of a rollup; lines that have no number are passed over."""
    text = "Name:\tsleep\nVmRSS:\t    1234 kB\nRssAnon:\t56 kB\nvoluntary_ctxt_switches:\t7\n"
    assert numbers(text) == {"VmRSS": 1234, "RssAnon": 56, "voluntary_ctxt_switches": 7}


def _event(kind: str, container: str) -> bytes:
    return f'{{"Type":"{kind}","Actor":{{"ID":"{container}"}},"timeNano":1}}\n'.encode()


def test_events_of_other_containers_are_foreign() -> None:
    """Not its own, not those of networks, and no answer that merely names another container."""
    others = _event("container", OTHER)
    received = b"%x\r\n" % len(others) + others + b"\r\n" + _event("container", OWN)
    received += _event("network", OTHER) + f'{{"Id":"{OTHER}"}}\n'.encode()
    assert foreign(received, OWN) == len(others) - 1
    assert foreign(_event("container", OWN), OWN) == 0


def test_what_an_engine_runs_for_a_moment_is_none_of_its_processes(tmp_path: Path) -> None:
    """A check's runc may end before it is read; its CPU is in that of whoever waited for it."""
    environ = os.environ | {"SELFINSPECT_ENGINE": str(tmp_path)}
    with ExitStack() as stack:
        running = []
        for name in ("dockerd", "containerd-shim-runc-v2", "runc"):
            program = shutil.copy(shutil.which("sleep") or "", tmp_path / name)
            started = stack.enter_context(subprocess.Popen([program, "60"], env=environ))
            stack.callback(started.kill)
            running.append(started.pid)
        assert sorted(of_engine(tmp_path)) == sorted(running[:2])
