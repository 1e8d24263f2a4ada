"""Every metric there is: its type, its help, its unit, where it is read, when it is absent. Pure.

The families take their type and help from here, and the tables of `selfinspect/help/metrics.md` are
made of it. "Engine" is the engine's stats, "inspect" the container's inspect document; files are
those of the container's own cgroup, named as cgroup v1 / cgroup v2 have them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal["counter", "gauge", "histogram", "unknown"]


class Entry(NamedTuple):
    """One metric.

    Attributes:
        help: one sentence, on every scrape.
        unit: of its value; `0/1` for a state that holds or does not.
        source: where it is read.
        absent: when it has no sample, besides the reasons that hold for all.
        labels: those beyond the container's own.
    """

    kind: Kind
    help: str
    unit: str
    source: str
    absent: str = ""
    labels: tuple[str, ...] = ()


_QUOTA = "without a CPU quota"
_V1 = "on cgroup v1"
_NO_ENGINE = "without an engine"
_NETWORK = "`/proc/self/net/dev` or engine"
_SHARED = "where the network is the host's or another container's"
_UNREAD = "where one of its processes cannot be looked into"
_NO_PSI = "on cgroup v1, or without PSI in the kernel"
_MACHINE = "without `--metrics-machine`"
_BLKIO = "`blkio.throttle.*`, `blkio.bfq.*` / `io.stat`, or engine"
_UNUSED = "for a device that the kernel counts nothing of"
_PREVIOUS = "where no earlier run is known"


def _traffic(help_: str, unit: str) -> Entry:
    return Entry("counter", help_, unit, _NETWORK, _SHARED, ("interface",))


def _io(help_: str, unit: str) -> Entry:
    return Entry("counter", help_, unit, _BLKIO, _UNUSED, ("device",))


def _stalled(who: str, resource: str) -> Entry:
    help_ = f"Time in which {who} tasks waited for {resource}, in seconds."
    return Entry("counter", help_, "seconds", f"`{resource.lower()}.pressure`", _NO_PSI)


CPU: Mapping[str, Entry] = {
    "container_cpu_usage_seconds_total": Entry(
        "counter",
        "CPU time used, in seconds; by CPU on cgroup v1, else in total.",
        "seconds",
        "`cpuacct.usage_percpu` / `cpu.stat`, or engine",
        "for a CPU that was never used",
        ("cpu",),
    ),
    "container_cpu_user_seconds_total": Entry(
        "counter",
        "CPU time used in user mode, in seconds.",
        "seconds",
        "`cpuacct.stat` / `cpu.stat`, or engine",
    ),
    "container_cpu_system_seconds_total": Entry(
        "counter",
        "CPU time used in the kernel, in seconds.",
        "seconds",
        "`cpuacct.stat` / `cpu.stat`, or engine",
    ),
    "container_cpu_cfs_periods_total": Entry(
        "counter",
        "Periods in which the CPU quota was enforced.",
        "periods",
        "`cpu.stat`, or engine",
        _QUOTA,
    ),
    "container_cpu_cfs_throttled_periods_total": Entry(
        "counter",
        "Periods in which the container was throttled.",
        "periods",
        "`cpu.stat`, or engine",
        _QUOTA,
    ),
    "container_cpu_cfs_throttled_seconds_total": Entry(
        "counter",
        "Time for which the container was throttled, in seconds.",
        "seconds",
        "`cpu.stat`, or engine",
        _QUOTA,
    ),
    "container_cpu_cfs_burst_periods_total": Entry(
        "counter",
        "Periods in which the container used more than its CPU quota, by bursting.",
        "periods",
        "`cpu.stat` `nr_bursts`",
        f"{_QUOTA}, or before Linux 5.15",
    ),
    "container_cpu_cfs_burst_seconds_total": Entry(
        "counter",
        "CPU time used beyond the CPU quota, by bursting, in seconds.",
        "seconds",
        "`cpu.stat` `burst_time` / `burst_usec`",
        f"{_QUOTA}, or before Linux 5.15",
    ),
}

_MEMORY_STAT = "`memory.stat`, or engine"

MEMORY: Mapping[str, Entry] = {
    "container_memory_usage_bytes": Entry(
        "gauge",
        "Memory in use, page cache included.",
        "bytes",
        "`memory.usage_in_bytes` / `memory.current`, or engine",
    ),
    "container_memory_working_set_bytes": Entry(
        "gauge",
        "Memory in use without inactive page cache: what the kernel cannot simply drop.",
        "bytes",
        "usage less `total_inactive_file` / `inactive_file`, at least 0",
    ),
    "container_memory_rss": Entry("gauge", "Anonymous memory.", "bytes", _MEMORY_STAT),
    "container_memory_cache": Entry("gauge", "Page cache.", "bytes", _MEMORY_STAT),
    "container_memory_swap": Entry(
        "gauge",
        "Swap in use.",
        "bytes",
        "`memory.stat` `total_swap` / `memory.swap.current`",
        "where the kernel does not account swap; from an engine on v2",
    ),
    "container_memory_mapped_file": Entry("gauge", "Mapped files.", "bytes", _MEMORY_STAT),
    "container_memory_kernel_usage": Entry(
        "gauge",
        "Memory that the kernel uses for the container.",
        "bytes",
        "`memory.kmem.usage_in_bytes` / `memory.stat` `kernel`",
        "on v2 before Linux 5.18; from an engine on v1",
    ),
    "container_memory_max_usage_bytes": Entry(
        "gauge",
        "The most memory that was ever in use.",
        "bytes",
        "`memory.max_usage_in_bytes` / `memory.peak`, or engine",
        "on v2 before Linux 5.19",
    ),
    "container_memory_total_active_file_bytes": Entry(
        "gauge", "Active page cache.", "bytes", _MEMORY_STAT
    ),
    "container_memory_total_inactive_file_bytes": Entry(
        "gauge", "Inactive page cache.", "bytes", _MEMORY_STAT
    ),
    "container_memory_file_dirty_bytes": Entry(
        "gauge", "Page cache that is still to be written to disk.", "bytes", _MEMORY_STAT
    ),
    "container_memory_file_writeback_bytes": Entry(
        "gauge", "Page cache that is being written to disk.", "bytes", _MEMORY_STAT
    ),
    "container_memory_failcnt": Entry(
        "unknown",
        "How often memory reached its limit.",
        "times",
        "`memory.failcnt` / `memory.events` `max`",
        "from an engine on v2",
    ),
    "container_memory_failures_total": Entry(
        "counter",
        "Page faults, of the container alone and with the cgroups below it.",
        "faults",
        _MEMORY_STAT,
        "",
        ("failure_type", "scope"),
    ),
    "container_memory_workingset_refault_file_total": Entry(
        "counter",
        "Pages of files that were read again after they had been dropped.",
        "pages",
        _MEMORY_STAT,
        "where `memory.stat` does not have them",
    ),
    "container_memory_workingset_refault_anon_total": Entry(
        "counter",
        "Anonymous pages that were read again after they had been swapped out.",
        "pages",
        _MEMORY_STAT,
        "where `memory.stat` does not have them",
    ),
    "container_memory_pgscan_total": Entry(
        "counter", "Pages scanned by reclaim.", "pages", _MEMORY_STAT, _V1
    ),
    "container_memory_pgsteal_total": Entry(
        "counter", "Pages reclaimed.", "pages", _MEMORY_STAT, _V1
    ),
    "container_memory_events_high_total": Entry(
        "counter",
        "How often the container was throttled at its `memory.high`.",
        "times",
        "`memory.events` `high`",
        f"{_V1}; from an engine",
    ),
    "container_memory_events_max_total": Entry(
        "counter",
        "How often memory reached its limit.",
        "times",
        "`memory.events` `max`",
        f"{_V1}; from an engine",
    ),
    "container_oom_events_total": Entry(
        "counter",
        "Processes of the container that the kernel OOM-killed, the agent among them.",
        "processes",
        "`memory.oom_control` / `memory.events` `oom_kill`",
        "from an engine",
    ),
}

NETWORK: Mapping[str, Entry] = {
    "container_network_receive_bytes_total": _traffic("Bytes received.", "bytes"),
    "container_network_receive_packets_total": _traffic("Packets received.", "packets"),
    "container_network_receive_errors_total": _traffic("Errors while receiving.", "errors"),
    "container_network_receive_packets_dropped_total": _traffic(
        "Packets dropped while receiving.", "packets"
    ),
    "container_network_transmit_bytes_total": _traffic("Bytes transmitted.", "bytes"),
    "container_network_transmit_packets_total": _traffic("Packets transmitted.", "packets"),
    "container_network_transmit_errors_total": _traffic("Errors while transmitting.", "errors"),
    "container_network_transmit_packets_dropped_total": _traffic(
        "Packets dropped while transmitting.", "packets"
    ),
}

STORAGE: Mapping[str, Entry] = {
    "container_fs_reads_bytes_total": _io("Bytes read.", "bytes"),
    "container_fs_writes_bytes_total": _io("Bytes written.", "bytes"),
    "container_fs_reads_total": _io("Reads.", "reads"),
    "container_fs_writes_total": _io("Writes.", "writes"),
    "container_blkio_device_usage_total": Entry(
        "counter",
        "Bytes moved, by device and operation.",
        "bytes",
        _BLKIO,
        _UNUSED,
        ("device", "major", "minor", "operation"),
    ),
    "container_fs_usage_bytes": Entry(
        "gauge",
        "Bytes in the container's writable layer.",
        "bytes",
        "inspect with its size, when it was last counted",
        "without `--fs-usage-interval`: the engine walks a disk for it",
        ("device",),
    ),
    "container_fs_limit_bytes": Entry(
        "gauge",
        "Size of the file system that the container's root lies on.",
        "bytes",
        "statvfs of `/`",
        "with `--target`",
        ("device",),
    ),
    "container_fs_inodes_free": Entry(
        "gauge",
        "Inodes that are free.",
        "inodes",
        "statvfs of `/`",
        "where the file system counts none; with `--target`",
        ("device",),
    ),
    "container_fs_inodes_total": Entry(
        "gauge",
        "Inodes in all.",
        "inodes",
        "statvfs of `/`",
        "where the file system counts none; with `--target`",
        ("device",),
    ),
}

TASKS: Mapping[str, Entry] = {
    "container_threads": Entry("gauge", "Tasks running.", "tasks", "`pids.current`, or engine"),
    "container_threads_max": Entry(
        "gauge", "Tasks allowed, 0 for any number.", "tasks", "`pids.max`, or engine"
    ),
    "container_processes": Entry(
        "gauge", "Processes running.", "processes", "`cgroup.procs`", "with `--target`"
    ),
    "container_file_descriptors": Entry(
        "gauge", "File descriptors open.", "descriptors", "`/proc/PID/fd`", _UNREAD
    ),
    "container_sockets": Entry("gauge", "Sockets open.", "sockets", "`/proc/PID/fd`", _UNREAD),
    "container_tasks_state": Entry(
        "gauge",
        "Tasks in each state.",
        "tasks",
        "`/proc/PID/task/TID/stat`",
        f"{_UNREAD}, or past 1,000 tasks",
        ("state",),
    ),
}

PRESSURE: Mapping[str, Entry] = {
    f"container_pressure_{resource.lower()}_{what}_seconds_total": _stalled(who, resource)
    for resource in ("CPU", "memory", "IO")
    for what, who in (("waiting", "some"), ("stalled", "all"))
}

_LIMIT = "inspect `HostConfig`, else "

LIFE: Mapping[str, Entry] = {
    "container_last_seen": Entry(
        "gauge",
        "When the container was last seen, Unix time.",
        "seconds",
        "the clock; the only sample with a timestamp of its own",
    ),
    "container_start_time_seconds": Entry(
        "gauge",
        "When the container started, Unix time.",
        "seconds",
        "inspect `State.StartedAt`, else when PID 1 started",
        f"{_NO_ENGINE} where PID 1 is not the container's",
    ),
    "container_creation_time_seconds": Entry(
        "gauge",
        "When the container was created, Unix time.",
        "seconds",
        "inspect `Created`",
        _NO_ENGINE,
    ),
    "container_health_state": Entry(
        "gauge",
        "1 healthy, -1 without a health check, else 0.",
        "-1/0/1",
        "inspect `State.Health`",
        _NO_ENGINE,
    ),
    "container_spec_cpu_quota": Entry(
        "gauge",
        "CPU time a period, in us.",
        "us",
        f"{_LIMIT}`cpu.cfs_quota_us` / `cpu.max`",
        _QUOTA,
    ),
    "container_spec_cpu_period": Entry(
        "gauge",
        "A period of the CPU quota, in us.",
        "us",
        f"{_LIMIT}`cpu.cfs_period_us` / `cpu.max`",
        _QUOTA,
    ),
    "container_spec_cpu_shares": Entry(
        "gauge",
        "Share of the CPU.",
        "shares",
        f"{_LIMIT}`cpu.shares` / the default `cpu.weight`",
        f"{_NO_ENGINE} on v2, for any but the default",
    ),
    "container_spec_memory_limit_bytes": Entry(
        "gauge",
        "Memory limit, 0 for none.",
        "bytes",
        f"{_LIMIT}`memory.limit_in_bytes` / `memory.max`",
    ),
    "container_spec_memory_swap_limit_bytes": Entry(
        "gauge",
        "Limit of memory and swap together, 0 for none.",
        "bytes",
        f"{_LIMIT}`memory.memsw.limit_in_bytes` / `memory.swap.max`",
        f"{_NO_ENGINE} where the kernel does not account swap",
    ),
    "container_spec_memory_reservation_limit_bytes": Entry(
        "gauge",
        "Memory reservation, 0 for none.",
        "bytes",
        f"{_LIMIT}`memory.soft_limit_in_bytes` / `memory.low`",
    ),
}

MACHINE: Mapping[str, Entry] = {
    "machine_cpu_cores": Entry(
        "gauge", "CPUs of the machine.", "CPUs", "engine `/info`, else `/proc/cpuinfo`", _MACHINE
    ),
    "machine_cpu_physical_cores": Entry(
        "gauge",
        "Physical cores of the machine.",
        "cores",
        "`/proc/cpuinfo`",
        f"{_MACHINE}; where the CPU does not report them (ARM)",
    ),
    "machine_cpu_sockets": Entry(
        "gauge",
        "CPU sockets of the machine.",
        "sockets",
        "`/proc/cpuinfo`",
        f"{_MACHINE}; where the CPU does not report them (ARM)",
    ),
    "machine_memory_bytes": Entry(
        "gauge",
        "Memory of the machine, in bytes.",
        "bytes",
        "engine `/info`, else `/proc/meminfo`",
        _MACHINE,
    ),
    "machine_swap_bytes": Entry(
        "gauge", "Swap of the machine, in bytes.", "bytes", "`/proc/meminfo`", _MACHINE
    ),
    "cadvisor_version_info": Entry(
        "gauge",
        "Versions of the machine; cadvisorVersion is the agent's, which is not cAdvisor.",
        "1",
        "engine `/info`, else the kernel's release",
        _MACHINE,
        ("kernelVersion", "osVersion", "dockerVersion", "cadvisorVersion", "cadvisorRevision"),
    ),
}

OWN: Mapping[str, Entry] = {
    "selfinspect_build_info": Entry(
        "gauge", "The agent's version.", "1", "the agent", "", ("version", "python")
    ),
    "selfinspect_container_info": Entry(
        "gauge",
        "Which container this is.",
        "1",
        "identity and inspect",
        "where the identity is refused",
        (
            "id",
            "name",
            "image",
            "image_id",
            "proof",
            "compose_project",
            "compose_service",
            "swarm_service",
            "swarm_task",
        ),
    ),
    "selfinspect_container_state": Entry(
        "gauge", "1 for the state it is in.", "0/1", "inspect `State`", _NO_ENGINE, ("state",)
    ),
    "selfinspect_container_health": Entry(
        "gauge",
        "1 for the health it is in.",
        "0/1",
        "inspect `State.Health`",
        _NO_ENGINE,
        ("status",),
    ),
    "selfinspect_container_restarts_total": Entry(
        "counter",
        "Restarts by the engine's restart policy.",
        "restarts",
        "inspect `RestartCount`",
        _NO_ENGINE,
    ),
    "selfinspect_stopping": Entry(
        "gauge",
        "Whether the container was asked to stop: 1 from the first stop signal on.",
        "1",
        "PID 1, where that is `run`",
        "the identity is refused",
    ),
    "selfinspect_previous_run_info": Entry(
        "gauge",
        "How the previous run ended: exit, oom, killed, stopped, engine-restart or unknown.",
        "1",
        "runs",
        _PREVIOUS,
        ("cause",),
    ),
    "selfinspect_previous_exit_code": Entry(
        "gauge", "The exit code of the previous run.", "code", "runs", _PREVIOUS
    ),
    "selfinspect_previous_oom_killed": Entry(
        "gauge",
        "1 if the main process of the previous run was OOM-killed.",
        "0/1",
        "runs",
        _PREVIOUS,
    ),
    "selfinspect_engine_up": Entry("gauge", "1 while the engine answers.", "0/1", "the agent"),
    "selfinspect_engine_requests_total": Entry(
        "counter",
        "Requests to the engine, by the status of its answer; code 0 if it gave none.",
        "requests",
        "the agent",
        "before the first request",
        ("endpoint", "code"),
    ),
    "selfinspect_engine_request_duration_seconds": Entry(
        "histogram",
        "How long the engine took to answer.",
        "seconds",
        "the agent",
        "before the first request",
        ("endpoint",),
    ),
    "selfinspect_event_stream_connected": Entry(
        "gauge", "1 while the event streams are open.", "0/1", "the agent"
    ),
    "selfinspect_event_stream_reconnects_total": Entry(
        "counter", "How often the event streams were opened again.", "times", "the agent"
    ),
    "selfinspect_events_total": Entry(
        "counter",
        "Lifecycle events of this container.",
        "events",
        "the journal",
        "before the first event",
        ("type", "action"),
    ),
    "selfinspect_events_reconciled_total": Entry(
        "counter",
        "Events that were missed, and derived from what was found afterwards.",
        "events",
        "the journal",
    ),
    "selfinspect_subscribers": Entry("gauge", "Open streams.", "streams", "the agent"),
    "selfinspect_stats_source": Entry(
        "gauge", "1 for where the figures come from.", "0/1", "the agent", "", ("source",)
    ),
    "selfinspect_collector_success": Entry(
        "gauge", "1 if a collector worked.", "0/1", "the agent", "", ("collector",)
    ),
    "selfinspect_collector_duration_seconds": Entry(
        "gauge", "How long a collector took.", "seconds", "the agent", "", ("collector",)
    ),
}

CATALOG: Mapping[str, Entry] = {
    name: entry
    for group in (CPU, MEMORY, NETWORK, STORAGE, TASKS, PRESSURE, LIFE, MACHINE, OWN)
    for name, entry in group.items()
}
"""Every metric by the name that it is exposed under."""
