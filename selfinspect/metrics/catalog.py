"""Every metric there is, by the name that it is exposed under, with its help. Pure.

`selfinspect/help/metrics.md` says more of each: its unit and labels, where it is read, and when it
is absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal["counter", "gauge", "histogram", "unknown"]

_KINDS: Mapping[str, Kind] = {
    # cAdvisor's names, which say otherwise: a counter would have to be called `_total`.
    "container_fs_inodes_total": "gauge",
    "container_memory_failcnt": "unknown",
    "selfinspect_engine_request_duration_seconds": "histogram",
}

HELP: Mapping[str, str] = {
    # CPU
    "container_cpu_usage_seconds_total": (
        "CPU time used, in seconds; by CPU on cgroup v1, else in total."
    ),
    "container_cpu_user_seconds_total": "CPU time used in user mode, in seconds.",
    "container_cpu_system_seconds_total": "CPU time used in the kernel, in seconds.",
    "container_cpu_cfs_periods_total": "Periods in which the CPU quota was enforced.",
    "container_cpu_cfs_throttled_periods_total": "Periods in which the container was throttled.",
    "container_cpu_cfs_throttled_seconds_total": (
        "Time for which the container was throttled, in seconds."
    ),
    "container_cpu_cfs_burst_periods_total": (
        "Periods in which the container used more than its CPU quota, by bursting."
    ),
    "container_cpu_cfs_burst_seconds_total": (
        "CPU time used beyond the CPU quota, by bursting, in seconds."
    ),
    # Memory
    "container_memory_usage_bytes": "Memory in use, page cache included.",
    "container_memory_working_set_bytes": (
        "Memory in use less inactive page cache, which the kernel can drop."
    ),
    "container_memory_rss": "Anonymous memory.",
    "container_memory_cache": "Page cache.",
    "container_memory_swap": "Swap in use.",
    "container_memory_mapped_file": "Mapped files.",
    "container_memory_kernel_usage": "Memory that the kernel uses for the container.",
    "container_memory_max_usage_bytes": "Peak memory usage.",
    "container_memory_total_active_file_bytes": "Active page cache.",
    "container_memory_total_inactive_file_bytes": "Inactive page cache.",
    "container_memory_file_dirty_bytes": "Page cache that is still to be written to disk.",
    "container_memory_file_writeback_bytes": "Page cache that is being written to disk.",
    "container_memory_failcnt": "How often memory reached its limit.",
    "container_memory_failures_total": (
        "Page faults, of the container alone and with the cgroups below it."
    ),
    "container_memory_workingset_refault_file_total": (
        "File pages read again after they were dropped."
    ),
    "container_memory_workingset_refault_anon_total": (
        "Anonymous pages read again after they were swapped out."
    ),
    "container_memory_pgscan_total": "Pages scanned by reclaim.",
    "container_memory_pgsteal_total": "Pages reclaimed.",
    "container_memory_events_high_total": (
        "How often the container was throttled at its `memory.high`."
    ),
    "container_memory_events_max_total": "How often memory reached its limit.",
    "container_oom_events_total": "OOM-killed processes of the container, the agent among them.",
    # Network
    "container_network_receive_bytes_total": "Bytes received.",
    "container_network_receive_packets_total": "Packets received.",
    "container_network_receive_errors_total": "Errors while receiving.",
    "container_network_receive_packets_dropped_total": "Packets dropped while receiving.",
    "container_network_transmit_bytes_total": "Bytes transmitted.",
    "container_network_transmit_packets_total": "Packets transmitted.",
    "container_network_transmit_errors_total": "Errors while transmitting.",
    "container_network_transmit_packets_dropped_total": "Packets dropped while transmitting.",
    # Storage
    "container_fs_reads_bytes_total": "Bytes read.",
    "container_fs_writes_bytes_total": "Bytes written.",
    "container_fs_reads_total": "Reads.",
    "container_fs_writes_total": "Writes.",
    "container_blkio_device_usage_total": "Bytes transferred, by device and operation.",
    "container_fs_usage_bytes": "Bytes in the container's writable layer.",
    "container_fs_limit_bytes": "Size of the container's root file system, in bytes.",
    "container_fs_inodes_free": "Free inodes.",
    "container_fs_inodes_total": "Total inodes.",
    # Tasks
    "container_threads": "Tasks running.",
    "container_threads_max": "Task limit, 0 for none.",
    "container_processes": "Processes running.",
    "container_file_descriptors": "File descriptors open.",
    "container_sockets": "Sockets open.",
    "container_tasks_state": "Tasks in each state.",
    # Pressure
    "container_pressure_cpu_waiting_seconds_total": (
        "Time in which some tasks waited for CPU, in seconds."
    ),
    "container_pressure_cpu_stalled_seconds_total": (
        "Time in which all tasks waited for CPU, in seconds."
    ),
    "container_pressure_memory_waiting_seconds_total": (
        "Time in which some tasks waited for memory, in seconds."
    ),
    "container_pressure_memory_stalled_seconds_total": (
        "Time in which all tasks waited for memory, in seconds."
    ),
    "container_pressure_io_waiting_seconds_total": (
        "Time in which some tasks waited for IO, in seconds."
    ),
    "container_pressure_io_stalled_seconds_total": (
        "Time in which all tasks waited for IO, in seconds."
    ),
    # Limits and life
    "container_last_seen": "When the container was last seen, Unix time.",
    "container_start_time_seconds": "When the container started, Unix time.",
    "container_creation_time_seconds": "When the container was created, Unix time.",
    "container_health_state": "1 healthy, -1 without a health check, else 0.",
    "container_spec_cpu_quota": "CPU quota in each period, in microseconds.",
    "container_spec_cpu_period": "Period of the CPU quota, in microseconds.",
    "container_spec_cpu_shares": "CPU shares.",
    "container_spec_memory_limit_bytes": "Memory limit, 0 for none.",
    "container_spec_memory_swap_limit_bytes": "Limit of memory and swap together, 0 for none.",
    "container_spec_memory_reservation_limit_bytes": "Memory reservation, 0 for none.",
    # The machine
    "machine_cpu_cores": "CPUs of the machine.",
    "machine_cpu_physical_cores": "Physical cores of the machine.",
    "machine_cpu_sockets": "CPU sockets of the machine.",
    "machine_memory_bytes": "Memory of the machine, in bytes.",
    "machine_swap_bytes": "Swap of the machine, in bytes.",
    "cadvisor_version_info": (
        "Versions of kernel, OS and engine; cadvisorVersion is the agent's own."
    ),
    # The agent
    "selfinspect_build_info": "The agent's version.",
    "selfinspect_container_info": "Which container this is.",
    "selfinspect_container_state": "1 for the container's current state, else 0.",
    "selfinspect_container_health": "1 for the container's current health, else 0.",
    "selfinspect_container_restarts_total": "Restarts by the engine's restart policy.",
    "selfinspect_stopping": "1 from the first stop signal on, else 0.",
    "selfinspect_previous_run_info": (
        "How the previous run ended: exit, oom, killed, stopped, engine-restart or unknown."
    ),
    "selfinspect_previous_exit_code": "The exit code of the previous run.",
    "selfinspect_previous_oom_killed": (
        "1 if the main process of the previous run was OOM-killed, else 0."
    ),
    "selfinspect_engine_up": "1 while the engine answers, else 0.",
    "selfinspect_engine_requests_total": (
        "Requests to the engine, by HTTP status; code 0 for no answer."
    ),
    "selfinspect_engine_request_duration_seconds": (
        "How long the engine took to answer, in seconds."
    ),
    "selfinspect_event_stream_connected": "1 while the event streams are open, else 0.",
    "selfinspect_event_stream_reconnects_total": "Reconnections of the event streams.",
    "selfinspect_events_total": "Lifecycle events of this container.",
    "selfinspect_events_reconciled_total": (
        "Missed events, derived from what was found after a reconnection."
    ),
    "selfinspect_subscribers": "Open event streams.",
    "selfinspect_stats_source": "1 for the current source of the figures, else 0.",
    "selfinspect_collector_success": "1 if the collector succeeded, else 0.",
    "selfinspect_collector_duration_seconds": "How long the collector took, in seconds.",
}


def kind(name: str) -> Kind:
    """A metric's type, which its name says: a counter's ends with `_total`."""
    return _KINDS.get(name) or ("counter" if name.endswith("_total") else "gauge")
