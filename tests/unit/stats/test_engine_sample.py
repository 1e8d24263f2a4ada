from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from selfinspect.jsonread import member
from selfinspect.kernel.reader import CgroupReader
from selfinspect.model import Device, Interface, Pids
from selfinspect.stats.sample import engine_sample

if TYPE_CHECKING:
    from selfinspect.model import Json, Sample

FIXTURES = Path(__file__).parents[2] / "fixtures"
NOW = "2026-11-21T12:00:00.000000000Z"


def _frame(name: str) -> dict[str, Json]:
    text = (FIXTURES / "engine-stats" / f"{name}.json").read_text()
    return cast("dict[str, Json]", json.loads(text))


def _sample(frame: Json) -> Sample:
    sample = engine_sample(frame, NOW)
    assert sample is not None
    return sample


def test_docker_on_cgroup_v1() -> None:
    """Docker's frame on v1 has CPU time by CPU and the figures of child cgroups."""
    sample = engine_sample(_frame("docker-20.10-v1"), NOW, lambda *_: "/dev/loop0")
    assert sample is not None
    assert (sample.read_at, sample.source) == ("2026-11-21T12:09:12.559610563Z", "engine")
    assert (sample.cpu.online, len(sample.detail.per_cpu_seconds)) == (2, 2)
    assert sample.cpu.periods is not None
    assert sample.memory.usage_bytes == 13787136
    assert (sample.memory.limit_bytes, sample.memory.peak_bytes) == (128 << 20, 42123264)
    assert sample.io == {"/dev/loop0": Device(6685720576, 6685720576, 102016, 12728)}
    assert sample.pids == Pids(2, 64)
    assert sample.detail.memory["failcnt"] == 0


@pytest.mark.parametrize("odd", [None, -1, 1 << 64, "7"])
def test_a_cpu_of_which_nothing_is_known_does_not_lend_its_number(odd: Json) -> None:
    """Without its time the shares of all are left out, and the total stands for them."""
    frame: Json = {
        "read": NOW,
        "cpu_stats": {"cpu_usage": {"total_usage": 10**9, "percpu_usage": [odd, 5]}},
    }
    sample = _sample(frame)
    assert (sample.cpu.usage_seconds, sample.detail.per_cpu_seconds) == (1.0, ())


def test_engine_and_kernel_agree_on_one_container() -> None:
    """Of two readings a second apart, counters differ by what moved and the rest not at all."""
    kernel = CgroupReader(FIXTURES / "cgroup-v1").read(1)
    engine = engine_sample(_frame("docker-20.10-v1"), NOW, lambda *_: "/dev/loop0")
    assert engine is not None
    for later, earlier in [
        (kernel.cpu.usage_seconds, engine.cpu.usage_seconds),
        (kernel.cpu.user_seconds, engine.cpu.user_seconds),
        (kernel.cpu.system_seconds, engine.cpu.system_seconds),
        (kernel.cpu.throttled_seconds, engine.cpu.throttled_seconds),
    ]:
        assert later is not None
        assert earlier is not None
        assert 0 <= later - earlier < 1
    machine = kernel.detail.system_seconds, engine.detail.system_seconds
    assert machine[0] is not None
    assert machine[1] is not None
    assert 0 <= machine[0] - machine[1] < 2
    assert kernel.network == engine.network
    assert kernel.cpu.online == engine.cpu.online
    assert kernel.memory.limit_bytes == engine.memory.limit_bytes
    assert kernel.pids.limit == engine.pids.limit
    assert kernel.detail.memory["failcnt"] == engine.detail.memory["failcnt"]
    assert (kernel.io or {}).keys() == (engine.io or {}).keys()


def test_kernel_and_engine_agree_on_cgroup_v2() -> None:
    """What the kernel reports later is no less than what Docker reported, of the same figures."""
    kernel = CgroupReader(FIXTURES / "cgroup-v2").read(1)
    engine = engine_sample(_frame("docker-26-v2"), NOW, lambda *_: "/dev/nvme0n1")
    assert engine is not None
    for later, earlier in [
        (kernel.cpu.usage_seconds, engine.cpu.usage_seconds),
        (kernel.cpu.user_seconds, engine.cpu.user_seconds),
        (kernel.cpu.system_seconds, engine.cpu.system_seconds),
        (kernel.cpu.throttled_periods, engine.cpu.throttled_periods),
        (kernel.cpu.throttled_seconds, engine.cpu.throttled_seconds),
        (
            kernel.detail.page_faults["pgfault"]["hierarchy"],
            engine.detail.page_faults["pgfault"]["hierarchy"],
        ),
    ]:
        assert later is not None
        assert earlier is not None
        assert 0 < earlier < later < earlier * 2
    assert kernel.cpu.online == engine.cpu.online
    assert kernel.memory.limit_bytes == engine.memory.limit_bytes
    assert kernel.pids.limit == engine.pids.limit
    assert (kernel.io or {}).keys() == (engine.io or {}).keys()
    assert (kernel.network or {}).keys() == (engine.network or {}).keys()


def test_the_limit_hits_of_docker_on_v2_are_passed_over() -> None:
    """Docker's `failcnt` there is how often memory ran out; the limit was hit more often."""
    assert member(_frame("docker-26-v2"), "memory_stats", "failcnt") == 1
    assert _sample(_frame("docker-26-v2")).detail.memory["failcnt"] is None
    assert CgroupReader(FIXTURES / "cgroup-v2").read(1).detail.memory["failcnt"] == 39


def test_docker_on_cgroup_v2() -> None:
    """Docker's frame on v2 has plain figures, lower-case operations and null lists."""
    sample = _sample(_frame("docker-28-v2"))
    assert sample.read_at == "2026-11-21T10:10:00.500000000Z"
    assert sample.cpu.usage_seconds == 48.211907
    assert (sample.cpu.user_seconds, sample.cpu.system_seconds) == (30.125544, 18.086363)
    assert (sample.cpu.online, sample.detail.per_cpu_seconds) == (2, ())
    assert sample.detail.system_seconds == 1729.66
    assert sample.memory.working_set_bytes == 31883264 - 12488704
    assert (sample.memory.rss_bytes, sample.memory.cache_bytes) == (9875456, 19841024)
    assert sample.network == {"eth0": Interface(1482210, 1391, 1, 2, 104233, 1187, 3, 4)}
    assert sample.io == {"259:1": Device(24809472, 314773504, None, None)}


def test_what_v2_does_not_say_is_unknown() -> None:
    """Zeros without a quota, "unlimited" and absent figures are None, never zero."""
    sample = _sample(_frame("docker-28-v2"))
    assert (sample.cpu.periods, sample.cpu.throttled_periods) == (None, None)
    assert (sample.cpu.throttled_seconds, sample.cpu.percent) == (None, None)
    assert (sample.memory.swap_bytes, sample.memory.peak_bytes) == (None, None)
    assert (sample.memory.oom_kills, sample.detail.memory["failcnt"]) == (None, None)
    assert sample.pids == Pids(12, None)


def test_podman() -> None:
    """Podman's negative difference, null statistics and limit for a peak are all unknown."""
    sample = _sample(_frame("podman-4-v2"))
    assert (sample.cpu.usage_seconds, sample.cpu.user_seconds) == (0.04152, None)
    assert sample.memory.usage_bytes == 1552384
    assert (sample.memory.working_set_bytes, sample.memory.peak_bytes) == (None, None)
    assert sample.memory.percent is None
    assert sample.io == {}
    assert set(sample.network or ()) == {"network"}


@pytest.mark.parametrize(
    "frame",
    [
        _frame("docker-20.10-stopped"),
        None,
        {},
        "",
        [],
        {"read": "2026-11-21T12:10:00Z"},
        _frame("docker-28-v2") | {"read": "yesterday"},
    ],
    ids=["docker stopped", "podman stopped", "empty", "text", "list", "no figures", "no time"],
)
def test_no_sample_where_the_engine_has_none(frame: Json) -> None:
    """A container that isn't running, or an answer that is not a frame, gives no sample."""
    assert engine_sample(frame, NOW) is None


def test_a_frame_without_time_is_of_now() -> None:
    """Where the engine names no time the sample has ours."""
    frame = _frame("docker-28-v2")
    del frame["read"]
    assert _sample(frame).read_at == NOW


def test_missing_parts_cost_no_others() -> None:
    """A frame with CPU figures alone leaves the rest unknown."""
    sample = _sample({"read": NOW, "cpu_stats": {"cpu_usage": {"total_usage": 5 * 10**9}}})
    assert sample.cpu.usage_seconds == 5.0
    assert (sample.cpu.online, sample.detail.system_seconds) == (None, None)
    assert (sample.memory.usage_bytes, sample.network, sample.io) == (None, None, None)


def test_null_lists_do_not_say_that_there_was_no_traffic() -> None:
    """Null is unknown, an empty list says that there was no traffic."""
    frame = _frame("docker-28-v2")
    assert _sample(frame | {"blkio_stats": {"io_service_bytes_recursive": None}}).io is None
    assert _sample(frame | {"blkio_stats": {"io_service_bytes_recursive": []}}).io == {}


def test_figures_of_the_wrong_type_are_unknown() -> None:
    """Texts, booleans, negative and nested values where a count should be are None."""
    frame = _frame("docker-28-v2")
    wrong: list[Json] = ["12", True, -1, [], {}, 1.5]
    for value in wrong:
        assert _sample(frame | {"memory_stats": {"usage": value}}).memory.usage_bytes is None
    odd: Json = [None, {"major": 8, "minor": "0", "op": "read", "value": 1}, {"major": 8}]
    assert _sample(frame | {"blkio_stats": {"io_service_bytes_recursive": odd}}).io == {}
    assert _sample(frame | {"networks": {"eth0": None}}).network == {}


def test_online_cpus_are_counted_where_not_said() -> None:
    """An engine that says no number of CPUs still lists their shares."""
    frame = _frame("docker-20.10-v1")
    cpu = cast("dict[str, Json]", frame["cpu_stats"])
    del cpu["online_cpus"]
    assert _sample(frame).cpu.online == 2
