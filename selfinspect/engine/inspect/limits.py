"""What binds the container, from its inspect document. Pure.

Where the engine put a container's cgroup, as the host sees it. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.jsonread import integer, member
from selfinspect.model import Specification

if TYPE_CHECKING:
    from selfinspect.model import Json

_PERIOD = 100_000
_DEFAULT_SHARES = 1024


def specification(inspect: Json) -> Specification | None:
    """The limits as configured: unlike those of the stats, not cut to what the machine has.

    Args:
        inspect: the container's inspect document, None where there is none.
    """
    host = member(inspect, "HostConfig")
    if host is None:
        return None
    quota, period = _quota(host)
    return Specification(
        memory_bytes=_positive(host, "Memory"),
        memory_swap_bytes=_positive(host, "MemorySwap"),
        memory_reservation_bytes=_positive(host, "MemoryReservation"),
        cpu_shares=_positive(host, "CpuShares") or _DEFAULT_SHARES,
        cpu_quota=quota,
        cpu_period=period,
    )


def _quota(host: Json) -> tuple[int | None, int | None]:
    """`--cpus` as a quota over the usual period; else the quota and period as given."""
    if nano := _positive(host, "NanoCpus"):
        return round(nano * _PERIOD / 10**9), _PERIOD
    if quota := _positive(host, "CpuQuota"):
        return quota, _positive(host, "CpuPeriod") or _PERIOD
    return None, None


def _positive(host: Json, name: str) -> int:
    """A limit; engines write "unlimited" as 0, as -1 or not at all."""
    return max(0, integer(host, name) or 0)


def cgroup_path(container: str, *, driver: str, parent: str, podman: bool = False) -> str:
    """The path that cAdvisor calls a container's `id`.

    Args:
        container: the full ID.
        driver: the engine's `CgroupDriver`, `cgroupfs` or `systemd`.
        parent: the container's `CgroupParent`, empty for the engine's default.
        podman: whether the engine is Podman, which has names of its own.
    """
    if driver != "systemd":
        default, name = ("libpod_parent", "libpod-") if podman else ("docker", "")
        return f"{_absolute(parent or default)}/{name}{container}"
    default, name = ("machine.slice", "libpod") if podman else ("system.slice", "docker")
    return f"{_slice(parent or default)}/{name}-{container}.scope"


def _absolute(parent: str) -> str:
    return f"/{parent.strip('/')}"


def _slice(name: str) -> str:
    """A systemd slice's path: `a-b.slice` lies in `a.slice` (systemd.slice(5))."""
    parts = name.strip("/").removesuffix(".slice").split("-")
    return "".join(f"/{'-'.join(parts[: depth + 1])}.slice" for depth in range(len(parts)))
