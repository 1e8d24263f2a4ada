"""What of the machine a container's figures are measured against."""

from __future__ import annotations

from typing import NamedTuple

from selfinspect.kernel.files import count, read

_USER_HZ = 100  # of the kernel's interface to programs, whatever its own tick is
_COUNTED = 7


class Machine(NamedTuple):
    """CPU time over all CPUs since boot, idle time included, and how many CPUs are online."""

    system_seconds: float | None
    online: int | None


def machine(root: str) -> Machine:
    """The machine as `/proc/stat` below `root` tells of it.

    As the engine does, it adds the first seven columns up: user, nice, system, idle, iowait,
    irq and softirq. Stolen time is left out, guest time is in user's already.
    """
    content = read(f"{root}/proc/stat") or b""
    lines = [line.split() for line in content.splitlines() if line.startswith(b"cpu")]
    total = next((line[1 : 1 + _COUNTED] for line in lines if line[0] == b"cpu"), [])
    ticks = [tick for tick in map(count, total) if tick is not None]
    online = sum(line[0].removeprefix(b"cpu").isdigit() for line in lines)
    return Machine(
        system_seconds=sum(ticks) / _USER_HZ if len(ticks) == _COUNTED else None,
        online=online or None,
    )
