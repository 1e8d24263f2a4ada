"""Every metric there is, by the name that it is exposed under. Pure.

`selfinspect/help/metrics.md` is written from it: `python -m tests.support.reference`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal["counter", "gauge", "histogram", "unknown"]


class Metric:
    """What is known of a metric.

    Attributes:
        help: what it is, as it is exposed.
        unit: of its value.
        source: where it is read.
        absent: where it has no sample.
        labels: those that it has beyond the ones of every series of the container.
    """

    __slots__ = ("absent", "help", "labels", "source", "unit")

    def __init__(
        self, text: str, unit: str, source: str, absent: str = "", labels: tuple[str, ...] = ()
    ) -> None:
        self.help = text
        self.unit = unit
        self.source = source
        self.absent = absent
        self.labels = labels


_KINDS: Mapping[str, Kind] = {
    # cAdvisor's names, which say otherwise: a counter would have to be called `_total`.
    "container_fs_inodes_total": "gauge",
    "container_memory_failcnt": "unknown",
    "selfinspect_engine_request_duration_seconds": "histogram",
}

_NET = "`/proc/self/net/dev` or engine"
_OTHERS_NET = "where the network is the host's or another container's"
_MEMORY_STAT = "`memory.stat`, or engine"
_CPU_STAT = "`cpu.stat`, or engine"
_NO_QUOTA = "without a CPU quota"
_BLOCK_IO = "`blkio.throttle.*`, `blkio.bfq.*` / `io.stat`, or engine"
_UNCOUNTED = "for a device that the kernel does not count"
_NO_PSI = "on cgroup v1, or without PSI in the kernel"
_NOT_ASKED = "without `--metrics-machine`"
_NO_ENGINE = "without an engine"
_AGENT = "the agent"
_FIRST_RUN = "without an earlier run"
_RUNS = "runs"
_STATVFS = "statvfs of `/`"

SECTIONS: Mapping[str, Mapping[str, Metric]] = {
    "CPU": {
        "container_cpu_usage_seconds_total": Metric(
            "CPU time used, in seconds; by CPU on cgroup v1, else in total.", "seconds",
            "`cpuacct.usage_percpu` / `cpu.stat`, or engine", "for a CPU that was never used",
            ("cpu",)),
        "container_cpu_user_seconds_total": Metric(
            "CPU time used in user mode, in seconds.", "seconds",
            "`cpuacct.stat` / `cpu.stat`, or engine"),
        "container_cpu_system_seconds_total": Metric(
            "CPU time used in the kernel, in seconds.", "seconds",
            "`cpuacct.stat` / `cpu.stat`, or engine"),
        "container_cpu_cfs_periods_total": Metric(
            "Periods in which the CPU quota was enforced.", "periods", _CPU_STAT, _NO_QUOTA),
        "container_cpu_cfs_throttled_periods_total": Metric(
            "Periods in which the container was throttled.", "periods", _CPU_STAT, _NO_QUOTA),
        "container_cpu_cfs_throttled_seconds_total": Metric(
            "Time for which the container was throttled, in seconds.", "seconds", _CPU_STAT,
            _NO_QUOTA),
        "container_cpu_cfs_burst_periods_total": Metric(
            "Periods in which the container used more than its CPU quota, by bursting.", "periods",
            "`cpu.stat` `nr_bursts`", "without a CPU quota, or before Linux 5.15"),
        "container_cpu_cfs_burst_seconds_total": Metric(
            "CPU time used beyond the CPU quota, by bursting, in seconds.", "seconds",
            "`cpu.stat` `burst_time` / `burst_usec`", "without a CPU quota, or before Linux 5.15"),
    },
    "Memory": {
        "container_memory_usage_bytes": Metric(
            "Memory in use, page cache included.", "bytes",
            "`memory.usage_in_bytes` / `memory.current`, or engine"),
        "container_memory_working_set_bytes": Metric(
            "Memory in use less inactive page cache, which the kernel can drop.", "bytes",
            "usage less `total_inactive_file` / `inactive_file`, at least 0"),
        "container_memory_rss": Metric(
            "Anonymous memory.", "bytes", _MEMORY_STAT),
        "container_memory_cache": Metric(
            "Page cache.", "bytes", _MEMORY_STAT),
        "container_memory_swap": Metric(
            "Swap in use.", "bytes", "`memory.stat` `total_swap` / `memory.swap.current`",
            "where the kernel does not account swap; from an engine on v2"),
        "container_memory_mapped_file": Metric(
            "Mapped files.", "bytes", _MEMORY_STAT),
        "container_memory_kernel_usage": Metric(
            "Memory that the kernel uses for the container.", "bytes",
            "`memory.kmem.usage_in_bytes` / `memory.stat` `kernel`",
            "on v2 before Linux 5.18; from an engine on v1"),
        "container_memory_max_usage_bytes": Metric(
            "Peak memory usage.", "bytes", "`memory.max_usage_in_bytes` / `memory.peak`, or engine",
            "on v2 before Linux 5.19"),
        "container_memory_total_active_file_bytes": Metric(
            "Active page cache.", "bytes", _MEMORY_STAT),
        "container_memory_total_inactive_file_bytes": Metric(
            "Inactive page cache.", "bytes", _MEMORY_STAT),
        "container_memory_file_dirty_bytes": Metric(
            "Page cache that is still to be written to disk.", "bytes", _MEMORY_STAT),
        "container_memory_file_writeback_bytes": Metric(
            "Page cache that is being written to disk.", "bytes", _MEMORY_STAT),
        "container_memory_failcnt": Metric(
            "How often memory reached its limit.", "times",
            "`memory.failcnt` / `memory.events` `max`", "from an engine on v2"),
        "container_memory_failures_total": Metric(
            "Page faults, of the container alone and with the cgroups below it.", "faults",
            _MEMORY_STAT, "", ("failure_type", "scope")),
        "container_memory_workingset_refault_file_total": Metric(
            "File pages read again after they were dropped.", "pages", _MEMORY_STAT,
            "where `memory.stat` does not have them"),
        "container_memory_workingset_refault_anon_total": Metric(
            "Anonymous pages read again after they were swapped out.", "pages", _MEMORY_STAT,
            "where `memory.stat` does not have them"),
        "container_memory_pgscan_total": Metric(
            "Pages scanned by reclaim.", "pages", _MEMORY_STAT, "on cgroup v1"),
        "container_memory_pgsteal_total": Metric(
            "Pages reclaimed.", "pages", _MEMORY_STAT, "on cgroup v1"),
        "container_memory_events_high_total": Metric(
            "How often the container was throttled at its `memory.high`.", "times",
            "`memory.events` `high`", "on cgroup v1; from an engine"),
        "container_memory_events_max_total": Metric(
            "How often memory reached its limit.", "times", "`memory.events` `max`",
            "on cgroup v1; from an engine"),
        "container_oom_events_total": Metric(
            "OOM-killed processes of the container, the agent among them.", "processes",
            "`memory.oom_control` / `memory.events` `oom_kill`", "from an engine"),
    },
    "Network": {
        "container_network_receive_bytes_total": Metric(
            "Bytes received.", "bytes", _NET, _OTHERS_NET, ("interface",)),
        "container_network_receive_packets_total": Metric(
            "Packets received.", "packets", _NET, _OTHERS_NET, ("interface",)),
        "container_network_receive_errors_total": Metric(
            "Errors while receiving.", "errors", _NET, _OTHERS_NET, ("interface",)),
        "container_network_receive_packets_dropped_total": Metric(
            "Packets dropped while receiving.", "packets", _NET, _OTHERS_NET, ("interface",)),
        "container_network_transmit_bytes_total": Metric(
            "Bytes transmitted.", "bytes", _NET, _OTHERS_NET, ("interface",)),
        "container_network_transmit_packets_total": Metric(
            "Packets transmitted.", "packets", _NET, _OTHERS_NET, ("interface",)),
        "container_network_transmit_errors_total": Metric(
            "Errors while transmitting.", "errors", _NET, _OTHERS_NET, ("interface",)),
        "container_network_transmit_packets_dropped_total": Metric(
            "Packets dropped while transmitting.", "packets", _NET, _OTHERS_NET, ("interface",)),
    },
    "Storage": {
        "container_fs_reads_bytes_total": Metric(
            "Bytes read.", "bytes", _BLOCK_IO, _UNCOUNTED, ("device",)),
        "container_fs_writes_bytes_total": Metric(
            "Bytes written.", "bytes", _BLOCK_IO, _UNCOUNTED, ("device",)),
        "container_fs_reads_total": Metric(
            "Reads.", "reads", _BLOCK_IO, _UNCOUNTED, ("device",)),
        "container_fs_writes_total": Metric(
            "Writes.", "writes", _BLOCK_IO, _UNCOUNTED, ("device",)),
        "container_blkio_device_usage_total": Metric(
            "Bytes transferred, by device and operation.", "bytes", _BLOCK_IO, _UNCOUNTED,
            ("device", "major", "minor", "operation")),
        "container_fs_usage_bytes": Metric(
            "Bytes in the container's writable layer.", "bytes",
            "inspect with its size, when it was last counted",
            "without `--fs-usage-interval`: the engine has to walk a disk", ("device",)),
        "container_fs_limit_bytes": Metric(
            "Size of the container's root file system, in bytes.", "bytes", _STATVFS,
            "with `--target`", ("device",)),
        "container_fs_inodes_free": Metric(
            "Free inodes.", "inodes", _STATVFS,
            "where the file system counts none; with `--target`", ("device",)),
        "container_fs_inodes_total": Metric(
            "Total inodes.", "inodes", _STATVFS,
            "where the file system counts none; with `--target`", ("device",)),
    },
    "Tasks": {
        "container_threads": Metric(
            "Tasks running.", "tasks", "`pids.current`, or engine"),
        "container_threads_max": Metric(
            "Task limit, 0 for none.", "tasks", "`pids.max`, or engine"),
        "container_processes": Metric(
            "Processes running.", "processes", "`cgroup.procs`", "with `--target`"),
        "container_file_descriptors": Metric(
            "File descriptors open.", "descriptors", "`/proc/PID/fd`",
            "where the files of one of its processes cannot be read"),
        "container_sockets": Metric(
            "Sockets open.", "sockets", "`/proc/PID/fd`",
            "where the files of one of its processes cannot be read"),
        "container_tasks_state": Metric(
            "Tasks in each state.", "tasks", "`/proc/PID/task/TID/stat`",
            "where the files of one of its processes cannot be read, or past 1,000 tasks",
            ("state",)),
    },
    "Pressure": {
        "container_pressure_cpu_waiting_seconds_total": Metric(
            "Time in which some tasks waited for CPU, in seconds.", "seconds", "`cpu.pressure`",
            _NO_PSI),
        "container_pressure_cpu_stalled_seconds_total": Metric(
            "Time in which all tasks waited for CPU, in seconds.", "seconds", "`cpu.pressure`",
            _NO_PSI),
        "container_pressure_memory_waiting_seconds_total": Metric(
            "Time in which some tasks waited for memory, in seconds.", "seconds",
            "`memory.pressure`", _NO_PSI),
        "container_pressure_memory_stalled_seconds_total": Metric(
            "Time in which all tasks waited for memory, in seconds.", "seconds",
            "`memory.pressure`", _NO_PSI),
        "container_pressure_io_waiting_seconds_total": Metric(
            "Time in which some tasks waited for IO, in seconds.", "seconds", "`io.pressure`",
            _NO_PSI),
        "container_pressure_io_stalled_seconds_total": Metric(
            "Time in which all tasks waited for IO, in seconds.", "seconds", "`io.pressure`",
            _NO_PSI),
    },
    "Limits and life": {
        "container_last_seen": Metric(
            "When the container was last seen, Unix time.", "seconds",
            "the clock; the only sample with a timestamp of its own"),
        "container_start_time_seconds": Metric(
            "When the container started, Unix time.", "seconds",
            "inspect `State.StartedAt`, else when PID 1 started",
            "without an engine where PID 1 is not the container's"),
        "container_creation_time_seconds": Metric(
            "When the container was created, Unix time.", "seconds", "inspect `Created`",
            _NO_ENGINE),
        "container_health_state": Metric(
            "1 healthy, -1 without a health check, else 0.", "-1/0/1", "inspect `State.Health`",
            _NO_ENGINE),
        "container_spec_cpu_quota": Metric(
            "CPU quota in each period, in microseconds.", "us",
            "inspect `HostConfig`, else `cpu.cfs_quota_us` / `cpu.max`", _NO_QUOTA),
        "container_spec_cpu_period": Metric(
            "Period of the CPU quota, in microseconds.", "us",
            "inspect `HostConfig`, else `cpu.cfs_period_us` / `cpu.max`", _NO_QUOTA),
        "container_spec_cpu_shares": Metric(
            "CPU shares.", "shares",
            "inspect `HostConfig`, else `cpu.shares` / the default `cpu.weight`",
            "without an engine on v2, for any but the default"),
        "container_spec_memory_limit_bytes": Metric(
            "Memory limit, 0 for none.", "bytes",
            "inspect `HostConfig`, else `memory.limit_in_bytes` / `memory.max`"),
        "container_spec_memory_swap_limit_bytes": Metric(
            "Limit of memory and swap together, 0 for none.", "bytes",
            "inspect `HostConfig`, else `memory.memsw.limit_in_bytes` / `memory.swap.max`",
            "without an engine where the kernel does not account swap"),
        "container_spec_memory_reservation_limit_bytes": Metric(
            "Memory reservation, 0 for none.", "bytes",
            "inspect `HostConfig`, else `memory.soft_limit_in_bytes` / `memory.low`"),
    },
    "The machine": {
        "machine_cpu_cores": Metric(
            "CPUs of the machine.", "CPUs", "engine `/info`, else `/proc/cpuinfo`", _NOT_ASKED),
        "machine_cpu_physical_cores": Metric(
            "Physical cores of the machine.", "cores", "`/proc/cpuinfo`",
            "without `--metrics-machine`; where the CPU does not report them (ARM)"),
        "machine_cpu_sockets": Metric(
            "CPU sockets of the machine.", "sockets", "`/proc/cpuinfo`",
            "without `--metrics-machine`; where the CPU does not report them (ARM)"),
        "machine_memory_bytes": Metric(
            "Memory of the machine, in bytes.", "bytes", "engine `/info`, else `/proc/meminfo`",
            _NOT_ASKED),
        "machine_swap_bytes": Metric(
            "Swap of the machine, in bytes.", "bytes", "`/proc/meminfo`", _NOT_ASKED),
        "cadvisor_version_info": Metric(
            "Versions of kernel, OS and engine; cadvisorVersion is the agent's own.", "1",
            "engine `/info`, else the kernel's release", _NOT_ASKED,
            ("kernelVersion", "osVersion", "dockerVersion", "cadvisorVersion", "cadvisorRevision")),
    },
    "The agent": {
        "selfinspect_build_info": Metric(
            "The agent's version.", "1", _AGENT, "", ("version", "python")),
        "selfinspect_container_info": Metric(
            "Which container this is.", "1", "identity and inspect",
            "where the identity is refused",
            ("id", "name", "image", "image_id", "proof", "compose_project", "compose_service",
             "swarm_service", "swarm_task")),
        "selfinspect_container_state": Metric(
            "1 for the container's current state, else 0.", "0/1", "inspect `State`", _NO_ENGINE,
            ("state",)),
        "selfinspect_container_health": Metric(
            "1 for the container's current health, else 0.", "0/1", "inspect `State.Health`",
            _NO_ENGINE, ("status",)),
        "selfinspect_container_restarts_total": Metric(
            "Restarts by the engine's restart policy.", "restarts", "inspect `RestartCount`",
            _NO_ENGINE),
        "selfinspect_stopping": Metric(
            "1 from the first stop signal on, else 0.", "1", "PID 1, where that is `run`",
            "where the identity is refused"),
        "selfinspect_previous_run_info": Metric(
            "How the previous run ended: exit, oom, killed, stopped, engine-restart or unknown.",
            "1", _RUNS, _FIRST_RUN, ("cause",)),
        "selfinspect_previous_exit_code": Metric(
            "The exit code of the previous run.", "code", _RUNS, _FIRST_RUN),
        "selfinspect_previous_oom_killed": Metric(
            "1 if the main process of the previous run was OOM-killed, else 0.", "0/1", _RUNS,
            _FIRST_RUN),
        "selfinspect_engine_up": Metric(
            "1 while the engine answers, else 0.", "0/1", _AGENT),
        "selfinspect_engine_requests_total": Metric(
            "Requests to the engine, by HTTP status; code 0 for no answer.", "requests", _AGENT,
            "before the first request", ("endpoint", "code")),
        "selfinspect_engine_request_duration_seconds": Metric(
            "How long the engine took to answer, in seconds.", "seconds", _AGENT,
            "before the first request", ("endpoint",)),
        "selfinspect_event_stream_connected": Metric(
            "1 while the event streams are open, else 0.", "0/1", _AGENT),
        "selfinspect_event_stream_reconnects_total": Metric(
            "Reconnections of the event streams.", "times", _AGENT),
        "selfinspect_events_total": Metric(
            "Lifecycle events of this container.", "events", "the journal",
            "before the first event", ("type", "action")),
        "selfinspect_events_reconciled_total": Metric(
            "Missed events, derived from what was found after a reconnection.", "events",
            "the journal"),
        "selfinspect_subscribers": Metric(
            "Open event streams.", "streams", _AGENT),
        "selfinspect_stats_source": Metric(
            "1 for the current source of the figures, else 0.", "0/1", _AGENT, "", ("source",)),
        "selfinspect_collector_success": Metric(
            "1 if the collector succeeded, else 0.", "0/1", _AGENT, "", ("collector",)),
        "selfinspect_collector_duration_seconds": Metric(
            "How long the collector took, in seconds.", "seconds", _AGENT, "", ("collector",)),
    },
}  # fmt: skip
"""The metrics, by the heading below which the reference lists them."""

METRICS = {name: metric for section in SECTIONS.values() for name, metric in section.items()}


def kind(name: str) -> Kind:
    """A metric's type, which its name says: a counter's ends with `_total`."""
    return _KINDS.get(name) or ("counter" if name.endswith("_total") else "gauge")
