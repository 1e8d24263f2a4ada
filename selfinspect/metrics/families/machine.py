"""The machine, for who wants it told by every agent on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import __version__
from selfinspect.engine.access import integer, text
from selfinspect.metrics.families.family import family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Json


def machine(info: Json) -> Iterator[Family]:
    """CPUs, memory and versions.

    Args:
        info: what the engine says of itself and its machine, None where it says nothing.
    """
    if info is None:
        return
    for name, help_, value in (
        ("cpu_cores", "CPUs of the machine.", integer(info, "NCPU")),
        ("memory_bytes", "Memory of the machine, in bytes.", integer(info, "MemTotal")),
    ):
        yield family(f"machine_{name}", "gauge", help_, point(value))
    yield family(
        "cadvisor_version_info",
        "gauge",
        "Versions of the machine; cadvisorVersion is the agent's, which cAdvisor is not.",
        point(
            1,
            kernelVersion=text(info, "KernelVersion") or "",
            osVersion=text(info, "OperatingSystem") or "",
            dockerVersion=text(info, "ServerVersion") or "",
            cadvisorVersion=__version__,
            cadvisorRevision="selfinspect",
        ),
    )
