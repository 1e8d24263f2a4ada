"""What binds the container, from the files of its cgroup, for where no engine tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from selfinspect.kernel.cgroup_file import UNIFIED
from selfinspect.kernel.files import count, limit_of, number, read
from selfinspect.model import Limits, Specification

if TYPE_CHECKING:
    from collections.abc import Mapping

_Cpu: TypeAlias = "tuple[int | None, int | None, int | None]"
_Memory: TypeAlias = "tuple[int | None, int | None, int | None]"

_DEFAULT_SHARES = 1024
_DEFAULT_WEIGHT = 100


def specification(folders: Mapping[str, str]) -> Specification:
    """The limits in force; what cannot be known is None.

    Args:
        folders: the container's cgroup by controller of v1, and of v2 by `UNIFIED`.
    """
    unified = folders.get(UNIFIED)
    cpu: _Cpu = None, None, None
    memory: _Memory = None, None, None
    if folder := folders.get("cpu"):
        cpu = _cpu_v1(folder)
    elif unified:
        cpu = _cpu_v2(unified)
    if folder := folders.get("memory"):
        memory = _memory_v1(folder)
    elif unified:
        memory = _memory_v2(unified)
    return Specification(*memory, *cpu)


def limits(specification: Specification, tasks: int | None) -> Limits | None:
    """What binds the container, None where not even its memory's limit can be read.

    The CPUs it may run on are not told: v1 shows those of the machine where none were chosen.

    Args:
        specification: 0 is unlimited in it.
        tasks: how many there may be; None is unlimited.
    """
    if specification.memory_bytes is None:
        return None
    quota, period = specification.cpu_quota, specification.cpu_period
    shares = specification.cpu_shares
    return Limits(
        cpus=quota / period if quota and period else None,
        cpu_shares=None if shares == _DEFAULT_SHARES else shares,
        memory_bytes=specification.memory_bytes or None,
        memory_reservation_bytes=specification.memory_reservation_bytes or None,
        memory_swap_bytes=specification.memory_swap_bytes or None,
        pids=tasks,
    )


def _cpu_v1(folder: str) -> _Cpu:
    quota = number(f"{folder}/cpu.cfs_quota_us")
    period = number(f"{folder}/cpu.cfs_period_us") if quota else None
    return number(f"{folder}/cpu.shares"), quota, period


def _cpu_v2(folder: str) -> _Cpu:
    quota, _, period = (read(f"{folder}/cpu.max") or b"").partition(b" ")
    # Runtimes turn shares into weights by two formulas; only for the default can we go back.
    default = number(f"{folder}/cpu.weight") == _DEFAULT_WEIGHT
    limited = count(quota) is not None
    return _DEFAULT_SHARES if default else None, count(quota), count(period) if limited else None


def _memory_v1(folder: str) -> _Memory:
    return (
        limit_of(read(f"{folder}/memory.limit_in_bytes")),
        limit_of(read(f"{folder}/memory.memsw.limit_in_bytes")),
        limit_of(read(f"{folder}/memory.soft_limit_in_bytes")),
    )


def _memory_v2(folder: str) -> _Memory:
    limit = limit_of(read(f"{folder}/memory.max"))
    swap = (read(f"{folder}/memory.swap.max") or b"").strip()
    return limit, _together(limit, swap), limit_of(read(f"{folder}/memory.low"))


def _together(limit: int | None, swap: bytes) -> int | None:
    """Memory and swap, which v2 limits apart and engines, as v1, together."""
    if limit is None or not swap:
        return None
    alone = count(swap)
    if limit == 0 or swap == b"max":
        return 0
    return None if alone is None else limit + alone
