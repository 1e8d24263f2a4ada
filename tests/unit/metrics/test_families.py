"""Names, units and rules of the metrics, from a sample and from the document about ourselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.masking import Masking
from selfinspect.metrics import container, usage
from selfinspect.metrics.family import DEFAULT_LABELS, Family, Point, container_labels
from selfinspect.model import (
    Compose,
    Cpu,
    Detail,
    Device,
    Filesystem,
    Health,
    Identity,
    IdentitySummary,
    Image,
    Interface,
    Machine,
    Memory,
    Pids,
    Pressure,
    Processes,
    Run,
    Sample,
    Self,
    Specification,
    Stall,
    Stopping,
    Swarm,
    Transfer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from selfinspect.model import Json

ID = "ab" * 32
EMPTY = Sample(read_at="2026-11-21T12:00:00.000000000Z", source="kernel")
IDENTITY = Identity(ID, "proven", "layer")
OWN = Self(
    id=ID,
    short_id=ID[:12],
    name="web",
    image=Image(reference="base", id="sha256:cd"),
    identity=IdentitySummary("proven", "layer"),
)


def _values(found: Iterable[Family]) -> dict[str, float]:
    """Each family's only value, by name."""
    return {family.name: family.points[0].value for family in found if family.points}


def _labelled(found: Iterable[Family], name: str) -> list[tuple[dict[str, str], float]]:
    return [
        (dict(point.labels), point.value)
        for family in found
        if family.name == name
        for point in family.points
    ]


def test_cpu_time_is_in_seconds() -> None:
    """Usage, its parts, and how a quota held it back."""
    sample = replace(
        EMPTY,
        cpu=Cpu(
            usage_seconds=3.5,
            user_seconds=2.0,
            system_seconds=1.0,
            periods=10,
            throttled_periods=4,
            throttled_seconds=0.5,
        ),
    )
    found = list(usage.cpu(sample))
    assert _values(found) == {
        "container_cpu_usage_seconds": 3.5,
        "container_cpu_user_seconds": 2.0,
        "container_cpu_system_seconds": 1.0,
        "container_cpu_cfs_periods": 10,
        "container_cpu_cfs_throttled_periods": 4,
        "container_cpu_cfs_throttled_seconds": 0.5,
    }
    assert {family.kind for family in found} == {"counter"}
    assert _labelled(found, "container_cpu_usage_seconds") == [({"cpu": "total"}, 3.5)]


def test_cpu_time_is_total_or_by_cpu_but_never_both() -> None:
    """A sum over the label must not count anything twice."""
    sample = replace(EMPTY, cpu=Cpu(usage_seconds=3.5), detail=Detail(per_cpu_seconds=(1.5, 2.0)))
    assert _labelled(usage.cpu(sample), "container_cpu_usage_seconds") == [
        ({"cpu": "cpu00"}, 1.5),
        ({"cpu": "cpu01"}, 2.0),
    ]


def test_a_cpu_that_was_never_used_has_no_series() -> None:
    """The kernel lists the possible CPUs: 240 on many machines that have two."""
    seconds = (0.0, 1.5) + (0.0,) * 238
    sample = replace(EMPTY, cpu=Cpu(usage_seconds=1.5), detail=Detail(per_cpu_seconds=seconds))
    found = _labelled(usage.cpu(sample), "container_cpu_usage_seconds")
    assert found == [({"cpu": "cpu01"}, 1.5)]


def test_bursts_are_counted_under_a_quota() -> None:
    """Where the kernel counts them."""
    sample = replace(
        EMPTY, detail=Detail(cpu={"cfs_burst_periods_total": 4, "cfs_burst_seconds_total": 2.5})
    )
    assert _values(usage.cpu(sample)) == {
        "container_cpu_cfs_burst_periods": 4,
        "container_cpu_cfs_burst_seconds": 2.5,
    }


def test_memory_is_in_bytes() -> None:
    """Every figure under the name that dashboards ask for."""
    sample = replace(
        EMPTY,
        memory=Memory(
            usage_bytes=9,
            working_set_bytes=8,
            rss_bytes=7,
            cache_bytes=6,
            swap_bytes=5,
            peak_bytes=10,
            oom_kills=2,
        ),
        detail=Detail(
            memory={
                "mapped_file": 4,
                "total_active_file_bytes": 3,
                "total_inactive_file_bytes": 1,
                "failcnt": 11,
                "kernel_usage": 12,
                "file_dirty_bytes": 13,
                "file_writeback_bytes": 14,
                "workingset_refault_file_total": 15,
                "workingset_refault_anon_total": 16,
                "pgscan_total": 17,
                "pgsteal_total": 18,
                "events_high_total": 19,
                "events_max_total": 20,
            }
        ),
    )
    found = list(usage.memory(sample))
    assert _values(found) == {
        "container_memory_usage_bytes": 9,
        "container_memory_working_set_bytes": 8,
        "container_memory_rss": 7,
        "container_memory_cache": 6,
        "container_memory_swap": 5,
        "container_memory_mapped_file": 4,
        "container_memory_max_usage_bytes": 10,
        "container_memory_total_active_file_bytes": 3,
        "container_memory_total_inactive_file_bytes": 1,
        "container_memory_failcnt": 11,
        "container_memory_kernel_usage": 12,
        "container_memory_file_dirty_bytes": 13,
        "container_memory_file_writeback_bytes": 14,
        "container_memory_workingset_refault_file": 15,
        "container_memory_workingset_refault_anon": 16,
        "container_memory_pgscan": 17,
        "container_memory_pgsteal": 18,
        "container_memory_events_high": 19,
        "container_memory_events_max": 20,
        "container_oom_events": 2,
    }
    kinds = {family.name: family.kind for family in found}
    assert kinds["container_memory_failcnt"] == "unknown"
    assert kinds["container_oom_events"] == "counter"
    assert kinds["container_memory_usage_bytes"] == "gauge"


_INTERFACE = Interface(1, 2, 3, 4, 5, 6, 7, 8)


def test_traffic_of_each_interface() -> None:
    """Eight counters an interface, labelled by its name."""
    sample = replace(EMPTY, network={"eth0": _INTERFACE, "eth1": replace(_INTERFACE, rx_bytes=9)})
    found = list(usage.network(sample))
    assert _values(found) == {
        "container_network_receive_bytes": 1,
        "container_network_receive_packets": 2,
        "container_network_receive_errors": 3,
        "container_network_receive_packets_dropped": 4,
        "container_network_transmit_bytes": 5,
        "container_network_transmit_packets": 6,
        "container_network_transmit_errors": 7,
        "container_network_transmit_packets_dropped": 8,
    }
    assert _labelled(found, "container_network_receive_bytes") == [
        ({"interface": "eth0"}, 1),
        ({"interface": "eth1"}, 9),
    ]


@pytest.mark.parametrize("name", ["lo", "veth12ab", "docker0"])
def test_interfaces_that_carry_others_traffic_are_left_out(name: str) -> None:
    """Loopback and an engine's own interfaces are not the container's traffic."""
    assert _values(usage.network(replace(EMPTY, network={name: _INTERFACE}))) == {}


def test_an_interface_that_only_begins_so_is_reported() -> None:
    """`local0` is not the loopback."""
    assert _values(usage.network(replace(EMPTY, network={"local0": _INTERFACE})))


def test_io_of_each_device() -> None:
    """Bytes and operations, labelled by the device; what is unknown of one is absent."""
    sample = replace(EMPTY, io={"/dev/sda": Device(1, 2, 3, 4), "8:16": Device(5, None, None, 6)})
    found = list(usage.io(sample))
    assert _labelled(found, "container_fs_reads_bytes") == [
        ({"device": "/dev/sda"}, 1),
        ({"device": "8:16"}, 5),
    ]
    assert _labelled(found, "container_fs_writes_bytes") == [({"device": "/dev/sda"}, 2)]
    assert _values(found)["container_fs_writes"] == 4


@pytest.mark.parametrize(
    ("pids", "expected"),
    [
        (Pids(3, 50), {"container_threads": 3, "container_threads_max": 50}),
        (Pids(3, 0), {"container_threads": 3, "container_threads_max": 0}),
        (Pids(3, None), {"container_threads": 3}),
    ],
)
def test_tasks_and_their_limit(pids: Pids, expected: Mapping[str, float]) -> None:
    """Unlimited is 0, and an unknown limit is absent."""
    sample = replace(EMPTY, pids=pids, detail=Detail(tasks_limit=pids.limit))
    assert _values(usage.tasks(sample)) == expected


@pytest.mark.parametrize("collect", [usage.cpu, usage.memory, usage.network, usage.io, usage.tasks])
def test_what_is_unknown_has_no_point(collect: Callable[[Sample], Iterable[Family]]) -> None:
    """A zero would look like a counter that was reset."""
    assert _values(collect(EMPTY)) == {}


def test_a_zero_is_known() -> None:
    """A figure that is zero has its point."""
    sample = replace(EMPTY, memory=Memory(usage_bytes=0, oom_kills=0), cpu=Cpu(usage_seconds=0.0))
    assert set(_values((*usage.memory(sample), *usage.cpu(sample))).values()) == {0}


def test_what_binds_the_container() -> None:
    """Limits in bytes, 0 for unlimited; shares, and a quota with its period."""
    found = Specification(64, 128, 0, 512, 150_000, 100_000)
    assert _values(container.specification(found)) == {
        "container_spec_memory_limit_bytes": 64,
        "container_spec_memory_swap_limit_bytes": 128,
        "container_spec_memory_reservation_limit_bytes": 0,
        "container_spec_cpu_shares": 512,
        "container_spec_cpu_quota": 150_000,
        "container_spec_cpu_period": 100_000,
    }


def test_unknown_limits_are_absent() -> None:
    """What was not reported has no sample, nor has a quota where there is none."""
    assert _values(container.specification(Specification())) == {}


def test_page_faults_by_kind_and_scope() -> None:
    """As cAdvisor has them: of the container alone, and with what is below it."""
    detail = Detail(
        page_faults={
            "pgfault": {"container": 8, "hierarchy": 9},
            "pgmajfault": {"container": None, "hierarchy": 3},
        }
    )
    found = _labelled(usage.memory(replace(EMPTY, detail=detail)), "container_memory_failures")
    assert found == [
        ({"failure_type": "pgfault", "scope": "container"}, 8),
        ({"failure_type": "pgfault", "scope": "hierarchy"}, 9),
        ({"failure_type": "pgmajfault", "scope": "hierarchy"}, 3),
    ]


def test_bytes_by_device_and_operation() -> None:
    """With the device's name and numbers."""
    detail = Detail(transfers=(Transfer("/dev/sda", 8, 0, "Read", 7),))
    assert _labelled(usage.io(replace(EMPTY, detail=detail)), "container_blkio_device_usage") == [
        ({"device": "/dev/sda", "major": "8", "minor": "0", "operation": "Read"}, 7)
    ]


def test_the_file_system() -> None:
    """Its size and inodes by device; the writable layer where it was counted."""
    there = Filesystem("overlay", 1000, 50, 20)
    assert _values(usage.filesystem(there, None)) == {
        "container_fs_limit_bytes": 1000,
        "container_fs_inodes_free": 20,
        "container_fs_inodes_total": 50,
    }
    found = usage.filesystem(there, 0)
    assert _labelled(found, "container_fs_usage_bytes") == [({"device": "overlay"}, 0)]


def test_a_file_system_without_inodes_has_none_free() -> None:
    """Btrfs counts none: 0 of 0 would read as full."""
    found = usage.filesystem(Filesystem("/dev/sda", 1000, 0, 0), None)
    assert _values(found) == {"container_fs_limit_bytes": 1000}


def test_processes_and_what_they_hold_open() -> None:
    """What could not be looked into is absent."""
    assert _values(usage.processes(Processes(2, None, None))) == {"container_processes": 2}
    assert _values(usage.processes(Processes(2, 9, 1))) == {
        "container_processes": 2,
        "container_file_descriptors": 9,
        "container_sockets": 1,
    }


def test_the_tasks_in_each_state() -> None:
    """A series a state, with what nobody is in; none where it is unknown."""
    found = usage.processes(Processes(2, 9, 1, {"sleeping": 3, "running": 0}))
    assert _labelled(found, "container_tasks_state") == [
        ({"state": "sleeping"}, 3),
        ({"state": "running"}, 0),
    ]


def test_pressure_in_seconds() -> None:
    """Waiting is some tasks, stalled is all; absent where the kernel keeps none."""
    sample = replace(EMPTY, pressure=Pressure(cpu=Stall(2.5, None), io=Stall(1.0, 0.5)))
    assert _values(usage.pressure(sample)) == {
        "container_pressure_cpu_waiting_seconds": 2.5,
        "container_pressure_io_waiting_seconds": 1.0,
        "container_pressure_io_stalled_seconds": 0.5,
    }


def test_the_machine() -> None:
    """CPUs, memory and versions as the engine reports them, else as the kernel does."""
    info: Json = {"NCPU": 4, "MemTotal": 1 << 33, "ServerVersion": "28.5"}
    found = Machine(2, 1 << 20, swap_bytes=5, physical_cores=1, sockets=1, kernel="6.1.0")
    kernels = {"physical_cores": 1, "sockets": 1}
    alike = {f"machine_cpu_{name}": value for name, value in kernels.items()}
    alike |= {"machine_swap_bytes": 5, "cadvisor_version_info": 1}
    assert _values(container.machine(found, info)) == alike | {
        "machine_cpu_cores": 4,
        "machine_memory_bytes": 1 << 33,
    }
    assert _values(container.machine(found, None)) == alike | {
        "machine_cpu_cores": 2,
        "machine_memory_bytes": 1 << 20,
    }
    labels, _ = _labelled(container.machine(found, None), "cadvisor_version_info")[0]
    assert labels["kernelVersion"] == "6.1.0"


def test_times_are_unix_seconds() -> None:
    """When it started and was created."""
    own = replace(OWN, started_at="1970-01-01T00:01:00.5Z", created_at="1970-01-01T00:00:01Z")
    assert _values(container.life(own)) == {"container_creation_time_seconds": 1.0}
    assert _values(container.started(own, 7.0)) == {"container_start_time_seconds": 60.5}


@pytest.mark.parametrize("own", [None, OWN])
def test_without_an_engine_the_container_started_when_its_pid_1_did(own: Self | None) -> None:
    """Or at a time that nobody knows."""
    assert _values(container.started(own, 7.0)) == {"container_start_time_seconds": 7.0}
    assert _values(container.started(own, None)) == {}


@pytest.mark.parametrize(
    ("health", "value"),
    [
        (None, -1),
        (Health("healthy", 0, ()), 1),
        (Health("starting", 0, ()), 0),
        (Health("unhealthy", 3, ()), 0),
    ],
)
def test_the_health_as_cadvisor_counts_it(health: Health | None, value: int) -> None:
    """1 healthy, -1 no check, else 0."""
    own = replace(OWN, state="running", health=health)
    assert _values(container.life(own)) == {"container_health_state": value}


def test_last_seen_carries_its_own_time() -> None:
    """So its series ends with the container."""
    (family,) = container.last_seen(1_700_000_000.9)
    assert family.points == (Point(1_700_000_000.0, {}, timestamp=1_700_000_000.9),)


def test_who_this_is() -> None:
    """ID, name, image, proof and the places in orchestrators; empty where there is none."""
    own = replace(
        OWN,
        compose=Compose("shop", None, None),
        swarm=Swarm("web", "web.1.x", 1, "n1"),
    )
    labels, value = _labelled(container.own_state(own, IDENTITY), "selfinspect_container_info")[0]
    assert value == 1
    assert labels == {
        "id": ID,
        "name": "web",
        "image": "base",
        "image_id": "sha256:cd",
        "proof": "proven",
        "compose_project": "shop",
        "compose_service": "",
        "swarm_service": "web",
        "swarm_task": "web.1.x",
    }


def test_each_state_has_a_series() -> None:
    """One is 1, the others 0, so that none of them goes stale unseen."""
    own = replace(OWN, state="paused", health=Health("unhealthy", 1, ()), restart_count=4)
    found = list(container.own_state(own, IDENTITY))
    states = {
        labels["state"]: value for labels, value in _labelled(found, "selfinspect_container_state")
    }
    assert states.pop("paused") == 1
    assert len(states) == 6
    assert set(states.values()) == {0}
    health = {
        labels["status"]: value
        for labels, value in _labelled(found, "selfinspect_container_health")
    }
    assert health == {"none": 0, "starting": 0, "healthy": 0, "unhealthy": 1}
    assert _labelled(found, "selfinspect_container_restarts") == [({}, 4)]


def test_how_the_run_before_ended() -> None:
    """Its cause, its exit code, and whether it was OOM-killed; no series of what is unknown."""
    run = Run(1, None, None, 137, "SIGKILL", oom_killed=True, cause="oom")
    for previous, found in (
        (run, {"exit_code": 137, "oom_killed": 1, "run_info": 1}),
        (replace(run, oom_killed=False), {"exit_code": 137, "oom_killed": 0, "run_info": 1}),
        (replace(run, exit_code=None, oom_killed=None), {"run_info": 1}),
        (None, {}),
    ):
        values = _values(container.own_state(replace(OWN, previous_run=previous), IDENTITY))
        ours = {name.rpartition("previous_")[2]: values[name] for name in values if "prev" in name}
        assert ours == found


def test_the_cause_of_how_the_run_before_ended() -> None:
    """A label of it, as cAdvisor's users select by labels."""
    run = Run(1, None, None, 137, "SIGKILL", oom_killed=True, cause="oom")
    found = container.own_state(replace(OWN, previous_run=run), IDENTITY)
    assert _labelled(found, "selfinspect_previous_run_info") == [({"cause": "oom"}, 1)]


def test_a_stop_that_was_asked_for_is_one() -> None:
    """And zero before it, so that a rule sees the change."""
    stopping = replace(OWN, stopping=Stopping("SIGTERM", "2026-11-21T12:00:00.000000000Z"))
    assert _values(container.own_state(OWN, IDENTITY))["selfinspect_stopping"] == 0
    assert _values(container.own_state(stopping, IDENTITY))["selfinspect_stopping"] == 1


def test_an_unknown_state_has_no_series() -> None:
    """Without an engine neither state nor health is claimed."""
    assert set(_values(container.own_state(OWN, IDENTITY))) == {
        "selfinspect_container_info",
        "selfinspect_stopping",
    }


def _labels(own: Self = OWN, *admitted: str, cgroup_path: str | None = None) -> Mapping[str, str]:
    return container_labels(
        own,
        cgroup_path=cgroup_path,
        masking=Masking(),
        admitted=admitted or DEFAULT_LABELS,
    )


def test_the_labels_of_every_series() -> None:
    """The cgroup's path as the host sees it, the name without slash, the image as typed."""
    assert _labels(cgroup_path="/system.slice/x.scope") == {
        "id": "/system.slice/x.scope",
        "name": "web",
        "image": "base",
    }


def test_long_labels_do_not_fill_the_page() -> None:
    """They stand on every series, and an image may have labels of a MiB."""
    title = {"org.opencontainers.image.title": "x" * 2**20}
    labels = _labels(replace(OWN, name="n" * 2**20, labels=title))
    assert labels["container_label_org_opencontainers_image_title"] == f"{'x' * 1024}…"
    assert labels["name"] == f"{'n' * 1024}…"
    many = {f"l{number}": "x" * 1000 for number in range(4096)}
    labels = _labels(replace(OWN, labels=many), "*")
    assert "container_label_l0" in labels
    assert sum(map(len, [*labels, *labels.values()])) < 20_000


def test_an_id_that_is_not_used_is_no_label() -> None:
    """What is only assumed must not be joined on, unless somebody said to use it."""
    assumed = replace(OWN, identity=IdentitySummary("assumed", "kernel"))
    assert _labels(assumed)["id"] == f"/docker/{ID}"
    assert _labels(replace(assumed, id=None, short_id=None))["id"] == ""


def test_only_admitted_labels_become_labels() -> None:
    """By default those of Compose, Swarm and the image's version; no host path among them."""
    own = replace(
        OWN,
        labels={
            "com.docker.compose.project": "shop",
            "com.docker.compose.project.working_dir": "/home/someone",
            "org.opencontainers.image.version": "1.2",
            "team": "blue",
        },
    )
    assert set(_labels(own)) - {"id", "name", "image"} == {
        "container_label_com_docker_compose_project",
        "container_label_org_opencontainers_image_version",
    }
    assert len(_labels(own, "*")) == 7
    assert len(_labels(own, "te?m")) == 4


def test_labels_that_become_the_same_name() -> None:
    """Odd characters become underscores; on a collision the first in sort order stays."""
    own = replace(OWN, labels={"a_b": "3", "a.b": "2", "a-b": "1", "ä/b": "4"})
    labels = _labels(own, "*")
    assert labels["container_label_a_b"] == "1"
    assert labels["container_label___b"] == "4"


def test_a_secret_label_is_masked() -> None:
    """Anyone may scrape."""
    labels = _labels(replace(OWN, labels={"api_token": "tok-abcdefgh12345678"}), "*")
    assert labels["container_label_api_token"] == "[masked]"
