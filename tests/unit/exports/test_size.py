"""The sizes of language runtimes."""

from __future__ import annotations

import pytest

from selfinspect.exports.size import ROWS, RUNTIMES, USUAL, Room, room, sizes

MIB = 1 << 20
ROOM = Room(cpus=2, memory=200 * MIB)


@pytest.mark.parametrize(
    ("quota", "usable", "online", "cpus"),
    [
        (1.5, 8, 8, 2),
        (0.1, 8, 8, 1),
        (4.0, 2, 8, 2),
        (None, 2, 8, 2),
        (None, 8, 8, None),
        (None, None, None, None),
        (3.0, None, None, 3),
    ],
)
def test_cpus_are_the_fewest_that_any_limit_leaves(
    quota: float | None, usable: int | None, online: int | None, cpus: int | None
) -> None:
    """The quota rounded up, or the CPUs that may be used; the machine's own are no limit."""
    found = room(quota=quota, usable=usable, online=online, memory_limit=None)
    assert (found.cpus, found.memory) == (cpus, None)


@pytest.mark.parametrize(
    ("limit", "memory"),
    [(None, None), (256, 200), (121, 65), (120, None), (4, None)],
)
def test_memory_is_what_the_agent_leaves(limit: int | None, memory: int | None) -> None:
    """At 64 MiB or less nothing can be divided sensibly."""
    found = room(
        quota=None,
        usable=None,
        online=None,
        memory_limit=None if limit is None else limit * MIB,
        taken=56 * MIB,
    )
    assert found.memory == (None if memory is None else memory * MIB)


def test_the_usual_sizes() -> None:
    """One variable for each runtime's pool and heap."""
    assert sizes(ROOM, {USUAL}, {}) == {
        "GOMEMLIMIT": f"{180 * MIB}B",
        "PYTHON_CPU_COUNT": "2",
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
        "MKL_NUM_THREADS": "2",
        "UV_THREADPOOL_SIZE": "4",
        "NODE_OPTIONS": "--max-old-space-size=150",
        "JAVA_TOOL_OPTIONS": "-XX:ActiveProcessorCount=2 -XX:MaxRAMPercentage=75",
    }


def test_without_limits_nothing_is_set() -> None:
    """The environment of such a container stays as it is."""
    assert sizes(Room(None, None), {USUAL, *RUNTIMES}, {"NODE_OPTIONS": "-x"}) == {}


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        ("go", {"GOMEMLIMIT": f"{180 * MIB}B", "GOMAXPROCS": "2"}),
        ("web", {"WEB_CONCURRENCY": "1"}),
        ("python", {"PYTHON_CPU_COUNT": "2"}),
    ],
)
def test_a_runtime_by_name_is_alone(runtime: str, expected: dict[str, str]) -> None:
    """And brings what the usual set leaves out."""
    assert sizes(ROOM, {runtime}, {}) == expected


@pytest.mark.parametrize(
    ("space", "workers"),
    [(Room(4, None), "4"), (Room(4, 600 * MIB), "2"), (Room(None, 600 * MIB), "2")],
)
def test_a_web_worker_wants_a_cpu_and_256_mib(space: Room, workers: str) -> None:
    """Whatever there is less of decides."""
    assert sizes(space, {"web"}, {}) == {"WEB_CONCURRENCY": workers}


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("OMP_NUM_THREADS", "7", None),
        ("NODE_OPTIONS", "--inspect", "--max-old-space-size=150 --inspect"),
        ("NODE_OPTIONS", "--max-old-space-size=99", None),
        ("NODE_OPTIONS", "--max_old_space_size=99", None),
        ("JAVA_TOOL_OPTIONS", "-Xmx64m", "-XX:ActiveProcessorCount=2 -Xmx64m"),
        ("JAVA_TOOL_OPTIONS", "-XX:ActiveProcessorCount=1 -XX:MaxRAMPercentage=50", None),
    ],
)
def test_what_the_user_set_wins(name: str, given: str, expected: str | None) -> None:
    """A variable stays; of a list of options only what it has not is added, in front."""
    assert sizes(ROOM, {USUAL}, {name: given}).get(name) == expected


def test_every_row_says_how_it_is_computed_and_when_it_is_absent() -> None:
    """The reference page is made of the table."""
    assert all(row.source and row.absent for row in ROWS)
    assert {row.runtime for row in ROWS} == set(RUNTIMES)
