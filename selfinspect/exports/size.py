"""How large language runtimes may be in this container, as the variables they read. Pure.

Most runtimes size themselves by the machine: a pool of 64 threads in a container of one CPU, a
heap of half the machine's memory in one of 256 MiB. Each row below is a variable that corrects one
of them, set only where the container has a limit.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    Value = Callable[["Room", str], str | None]

USUAL = "usual"
"""Every runtime's variables, but for those that are had by the runtime's name alone."""

OWN_BYTES = 56 << 20
"""What PID 1 and the agent take of the container's memory, resident, rounded up."""

_LEAST_MEMORY = 64 << 20
_MIB = 1 << 20
_A_WORKER = 256 << 20
_LEAST_POOL = 4  # libuv's own default
_HEAP_PERCENT = 75
_GO_PERCENT = 90

_NO_CPU_LIMIT = "no CPU quota, and every CPU of the machine may be used"
_NO_MEMORY_LIMIT = "no memory limit, or at most 64 MiB of it left for the app"
_CPU_COUNT = "the CPU quota rounded up, or the CPUs of the cpuset and the affinity if fewer"

_EXTENDED = ("NODE_OPTIONS", "JAVA_TOOL_OPTIONS")
"""Lists of options, to which ours are added in front."""


class Room:
    """What the app may use.

    Attributes:
        cpus: whole CPUs, rounded up; None without a limit.
        memory: bytes; None without a limit, or where it is too little to be divided.
    """

    __slots__ = ("cpus", "memory")

    def __init__(self, cpus: int | None, memory: int | None) -> None:
        self.cpus = cpus
        self.memory = memory


def room(
    *,
    quota: float | None,
    usable: int | None,
    online: int | None,
    memory_limit: int | None,
    taken: int = OWN_BYTES,
) -> Room:
    """What is left for the app.

    Args:
        quota: CPUs by the CFS quota over its period; None without one.
        usable: CPUs that the cpuset and the affinity admit; None where they cannot be read.
        online: the machine's CPUs; as many usable ones are no limit.
        memory_limit: bytes; None without a limit.
        taken: bytes that PID 1 and the agent take of it.
    """
    bounds = [] if quota is None else [-int(-quota // 1)]
    if usable is not None and (bounds or (online is not None and usable < online)):
        bounds.append(usable)
    memory = None if memory_limit is None else memory_limit - taken
    return Room(
        max(1, min(bounds)) if bounds else None,
        memory if memory is not None and memory > _LEAST_MEMORY else None,
    )


class Size:
    """A variable that a runtime reads.

    Attributes:
        name: the variable's.
        runtime: whose it is.
        usual: whether plain `size` sets it; else the runtime's name does.
        value: its text, from the room and the text that the user gave it; None for none.
        source: how the value is computed, in words.
        absent: when it is not set, in words.
    """

    __slots__ = ("absent", "name", "runtime", "source", "usual", "value")

    def __init__(
        self, name: str, runtime: str, value: Value, source: str, absent: str, *, usual: bool = True
    ) -> None:
        self.name = name
        self.runtime = runtime
        self.value = value
        self.source = source
        self.absent = absent
        self.usual = usual


def sizes(space: Room, runtimes: Collection[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the runtimes that are wanted.

    A variable that the container has stays as it is; options that the user gave a runtime stay,
    and come last, so that they win.

    Args:
        space: what the app may use.
        runtimes: names of `RUNTIMES`, or `USUAL`.
        environ: the container's environment.
    """
    variables = {}
    for row in rows_of(runtimes):
        given = environ.get(row.name, "")
        value = row.value(space, given)
        if value is not None and (not given or row.name in _EXTENDED):
            variables[row.name] = value
    return variables


def rows_of(runtimes: Collection[str]) -> tuple[Size, ...]:
    """The rows of the runtimes that are wanted."""
    return tuple(
        row for row in ROWS if row.runtime in runtimes or (row.usual and USUAL in runtimes)
    )


def _cpus(space: Room, _: str) -> str | None:
    return None if space.cpus is None else str(space.cpus)


def _pool(space: Room, _: str) -> str | None:
    return None if space.cpus is None else str(max(_LEAST_POOL, space.cpus))


def _go_memory(space: Room, _: str) -> str | None:
    return None if space.memory is None else f"{space.memory * _GO_PERCENT // 100}B"


def _node_options(space: Room, given: str) -> str | None:
    if space.memory is None:
        return None
    heap = space.memory * _HEAP_PERCENT // 100 // _MIB
    return _before(given, (("max-old-space-size", f"--max-old-space-size={heap}"),))


def _java_options(space: Room, given: str) -> str | None:
    flags = []
    if space.cpus is not None:
        flags.append(("ActiveProcessorCount", f"-XX:ActiveProcessorCount={space.cpus}"))
    if space.memory is not None and "-Xmx" not in given:
        flags.append(("MaxRAM", f"-XX:MaxRAMPercentage={_HEAP_PERCENT}"))
    return _before(given, flags)


def _before(given: str, flags: Collection[tuple[str, str]]) -> str | None:
    """Flags in front of the user's own, but for those of which the user has one already."""
    spelled = given.replace("_", "-")
    added = [flag for name, flag in flags if name not in spelled]
    return " ".join([*added, given]).rstrip(" ") if added else None


def _workers(space: Room, _: str) -> str | None:
    bounds = [] if space.cpus is None else [space.cpus]
    if space.memory is not None:
        bounds.append(space.memory // _A_WORKER)
    return str(max(1, min(bounds))) if bounds else None


ROWS = (
    Size("GOMEMLIMIT", "go", _go_memory, "90 % of the app's memory, in bytes", _NO_MEMORY_LIMIT),
    Size("GOMAXPROCS", "go", _cpus, f"{_CPU_COUNT}; Go 1.25 and newer follow the quota by "
        "themselves", _NO_CPU_LIMIT, usual=False),
    Size("PYTHON_CPU_COUNT", "python", _cpus, f"{_CPU_COUNT}; read by Python 3.13 and newer",
        _NO_CPU_LIMIT),
    Size("OMP_NUM_THREADS", "openmp", _cpus, _CPU_COUNT, _NO_CPU_LIMIT),
    Size("OPENBLAS_NUM_THREADS", "openmp", _cpus, _CPU_COUNT, _NO_CPU_LIMIT),
    Size("MKL_NUM_THREADS", "openmp", _cpus, _CPU_COUNT, _NO_CPU_LIMIT),
    Size("UV_THREADPOOL_SIZE", "node", _pool, f"{_CPU_COUNT}, at least 4", _NO_CPU_LIMIT),
    Size("NODE_OPTIONS", "node", _node_options, "`--max-old-space-size` of 75 % of the app's "
        "memory in MiB, before the user's own options", f"{_NO_MEMORY_LIMIT}, or the user's "
        "options have it"),
    Size("JAVA_TOOL_OPTIONS", "java", _java_options, "`-XX:ActiveProcessorCount` and "
        "`-XX:MaxRAMPercentage=75`, before the user's own options; every JVM prints a line about "
        "it", "no limit, or the user's options have them"),
    Size("WEB_CONCURRENCY", "web", _workers, "the CPU count, or the app's memory over 256 MiB if "
        "fewer; at least 1", "no limit", usual=False),
)  # fmt: skip

RUNTIMES = tuple(sorted({row.runtime for row in ROWS}))
