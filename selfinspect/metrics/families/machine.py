"""The machine, where every agent on it is to report it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import __version__
from selfinspect.engine.access import integer, text
from selfinspect.metrics.families.family import family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Json, Machine


def machine(found: Machine, info: Json) -> Iterator[Family]:
    """CPUs, memory and versions.

    Args:
        found: what the kernel reports.
        info: what the engine reports of itself and its machine, which comes first; None where it
            reports nothing.
    """
    cpus, memory = integer(info, "NCPU"), integer(info, "MemTotal")
    for name, value in (
        ("cpu_cores", found.cpus if cpus is None else cpus),
        ("cpu_physical_cores", found.physical_cores),
        ("cpu_sockets", found.sockets),
        ("memory_bytes", found.memory_bytes if memory is None else memory),
        ("swap_bytes", found.swap_bytes),
    ):
        yield family(f"machine_{name}", point(value))
    yield family(
        "cadvisor_version_info",
        point(
            1,
            kernelVersion=text(info, "KernelVersion") or found.kernel or "",
            osVersion=text(info, "OperatingSystem") or "",
            dockerVersion=text(info, "ServerVersion") or "",
            cadvisorVersion=__version__,
            cadvisorRevision="selfinspect",
        ),
    )
