"""What binds the container, from its inspect document. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.engine.access import integer, member
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
