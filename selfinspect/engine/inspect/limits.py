"""What binds a container: its limits as they were configured, and where its cgroup is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.engine.quirks import DOCKER
from selfinspect.jsonread import integer, member, text
from selfinspect.kernel.reader import DEFAULT_SHARES
from selfinspect.model import Limits, Specification

if TYPE_CHECKING:
    from selfinspect.engine.quirks import Quirks
    from selfinspect.model import Json

_PERIOD = 100_000


def limits(inspect: Json) -> Limits:
    """The limits as our own document has them: None is unlimited."""
    host = member(inspect, "HostConfig")
    return Limits(
        cpus=_cpus(host),
        cpu_shares=_limit(host, "CpuShares"),
        cpuset=text(host, "CpusetCpus"),
        memory_bytes=_limit(host, "Memory"),
        memory_reservation_bytes=_limit(host, "MemoryReservation"),
        memory_swap_bytes=_limit(host, "MemorySwap"),
        pids=_limit(host, "PidsLimit"),
    )


def specification(inspect: Json) -> Specification | None:
    """The limits as cAdvisor has them: 0 is unlimited, and nothing is cut to the machine's size.

    Args:
        inspect: the container's inspect document, None where there is none.
    """
    host = member(inspect, "HostConfig")
    if host is None:
        return None
    quota, period = _quota(host)
    return Specification(
        memory_bytes=_limit(host, "Memory") or 0,
        memory_swap_bytes=_limit(host, "MemorySwap") or 0,
        memory_reservation_bytes=_limit(host, "MemoryReservation") or 0,
        cpu_shares=_limit(host, "CpuShares") or DEFAULT_SHARES,
        cpu_quota=quota,
        cpu_period=period,
    )


def _cpus(host: Json) -> float | None:
    """`--cpus` in CPUs, however it was given: as nano CPUs or as a quota over a period."""
    if nano := _limit(host, "NanoCpus"):
        return nano / 10**9
    quota, period = _quota(host)
    return quota / period if quota and period else None


def _quota(host: Json) -> tuple[int | None, int | None]:
    """`--cpus` as a quota over the usual period; else the quota and period as given."""
    if nano := _limit(host, "NanoCpus"):
        return round(nano * _PERIOD / 10**9), _PERIOD
    if quota := _limit(host, "CpuQuota"):
        return quota, _limit(host, "CpuPeriod") or _PERIOD
    return None, None


def _limit(host: Json, name: str) -> int | None:
    """A limit; engines write "unlimited" as 0, as -1 or not at all."""
    value = integer(host, name)
    return value if value is not None and value > 0 else None


def cgroup_path(container: str, *, driver: str, parent: str, quirks: Quirks = DOCKER) -> str:
    """The path of a container's cgroup on the host, which cAdvisor calls its `id`.

    Args:
        container: the full ID.
        driver: the engine's `CgroupDriver`, `cgroupfs` or `systemd`.
        parent: the container's `CgroupParent`, empty for the engine's default.
        quirks: the engine's own names.
    """
    if driver != "systemd":
        folder = (parent or quirks.cgroup_parent).strip("/")
        return f"/{folder}/{quirks.cgroup_prefix}{container}"
    return f"{_slice(parent or quirks.cgroup_slice)}/{quirks.cgroup_scope}-{container}.scope"


def _slice(name: str) -> str:
    """A systemd slice's path: `a-b.slice` lies in `a.slice` (systemd.slice(5))."""
    parts = name.strip("/").removesuffix(".slice").split("-")
    return "".join(f"/{'-'.join(parts[: depth + 1])}.slice" for depth in range(len(parts)))
