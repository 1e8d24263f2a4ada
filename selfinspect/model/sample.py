"""One reading of the container's resources, with their limits."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

StatsSource: TypeAlias = Literal["engine", "kernel"]
HISTORY_FIELDS = (
    "time",
    "cpu_cores",
    "cpu_throttled_share",
    "memory_working_set_bytes",
    "memory_limit_bytes",
    "network_rx_bytes_per_second",
    "network_tx_bytes_per_second",
    "io_read_bytes_per_second",
    "io_written_bytes_per_second",
    "pids",
    "memory_pressure_share",
)
"""What a sample of `/v1/history` consists of, in this order."""

TaskState: TypeAlias = Literal["sleeping", "running", "stopped", "uninterruptible"]


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU time used since the container started, in seconds, and how it was throttled.

    `percent` is as the docker CLI computes it: 100 is one CPU, since the sample taken
    `percent_interval_seconds` before; None on the first. It is measured against the machine's CPU
    time without what a hypervisor stole, so it reads too high where time is stolen.
    `quota_percent` is the share of the CPU quota used over the same interval, by the clock: 100 is
    all of the quota. `periods`, the throttled figures and `quota_percent` are None without one.
    """

    usage_seconds: float | None = None
    user_seconds: float | None = None
    system_seconds: float | None = None
    percent: float | None = None
    percent_interval_seconds: float | None = None
    quota_percent: float | None = None
    online: int | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory charged to the container. `percent` is the working set's share of the limit."""

    usage_bytes: int | None = None
    working_set_bytes: int | None = None
    rss_bytes: int | None = None
    cache_bytes: int | None = None
    swap_bytes: int | None = None
    peak_bytes: int | None = None
    limit_bytes: int | None = None
    percent: float | None = None
    oom_kills: int | None = None


@dataclass(frozen=True, slots=True)
class Interface:
    """Traffic of one network interface since it came up."""

    rx_bytes: int | None
    rx_packets: int | None
    rx_errors: int | None
    rx_dropped: int | None
    tx_bytes: int | None
    tx_packets: int | None
    tx_errors: int | None
    tx_dropped: int | None


@dataclass(frozen=True, slots=True)
class Device:
    """Reads from and writes to one block device."""

    read_bytes: int | None
    write_bytes: int | None
    reads: int | None
    writes: int | None


@dataclass(frozen=True, slots=True)
class Pids:
    """Tasks in the container, and how many it may have; None is unlimited."""

    current: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Stall:
    """Time in which some (waiting) or all (stalled) tasks waited for a resource."""

    waiting_seconds: float | None = None
    stalled_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Pressure:
    """Pressure stall information, of cgroup v2 alone."""

    cpu: Stall = field(default_factory=Stall)
    memory: Stall = field(default_factory=Stall)
    io: Stall = field(default_factory=Stall)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes moved between the container and a block device by one kind of operation, `Read`."""

    device: str
    major: int
    minor: int
    operation: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Detail:
    """Figures that only the metrics carry.

    Attributes:
        system_seconds: the machine's CPU time over all CPUs, which `percent` is measured against.
        per_cpu_seconds: for each possible CPU; of cgroup v1 alone.
        quota_cpus: the CPU quota in CPUs.
        cpu: by the rest of the name of the metric that shows it, behind `container_cpu_`.
        memory: the same, behind `container_memory_`.
        page_faults: by kind and scope, as their metric is labelled.
        tasks_limit: 0 where there is none.
        transfers: what was moved to and from each device.
    """

    system_seconds: float | None = None
    per_cpu_seconds: tuple[float, ...] = ()
    quota_cpus: float | None = None
    cpu: Mapping[str, float | None] = field(default_factory=dict)
    memory: Mapping[str, int | None] = field(default_factory=dict)
    page_faults: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    tasks_limit: int | None = None
    transfers: tuple[Transfer, ...] = ()


@dataclass(frozen=True, slots=True)
class Specification:
    """The container's limits as the metrics show them: 0 is unlimited, None unknown.

    A quota is CPU time in microseconds a period; without one both are None.
    """

    memory_bytes: int | None = None
    memory_swap_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    cpu_shares: int | None = None
    cpu_quota: int | None = None
    cpu_period: int | None = None


@dataclass(frozen=True, slots=True)
class Processes:
    """The container's processes and their open files; None where some cannot be read.

    `tasks` is how many of their threads are in each state; empty where that cannot be read.
    """

    count: int
    file_descriptors: int | None
    sockets: int | None
    tasks: Mapping[TaskState, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filesystem:
    """The file system of the container's root. 0 inodes: it does not count them."""

    device: str
    size_bytes: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the container runs on, as its kernel reports it."""

    cpus: int | None = None
    memory_bytes: int | None = None
    swap_bytes: int | None = None
    physical_cores: int | None = None
    sockets: int | None = None
    kernel: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of the container's resources: the document of `/v1/stats`, with `detail`."""

    read_at: str
    source: StatsSource
    cpu: Cpu = field(default_factory=Cpu)
    memory: Memory = field(default_factory=Memory)
    network: Mapping[str, Interface] | None = None
    io: Mapping[str, Device] | None = None
    pids: Pids = field(default_factory=Pids)
    pressure: Pressure = field(default_factory=Pressure)
    detail: Detail = field(default_factory=Detail)
