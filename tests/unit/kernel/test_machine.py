"""The machine: CPUs, cores, memory, block devices and the root's file system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.machine import CpuTime, Devices, cpu_time, machine
from selfinspect.model import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]


def test_seven_columns_are_added_up(lay: Lay) -> None:
    """As in the engine, stolen and guest time do not count."""
    stat = "cpu  100 200 300 400 500 600 700 8000 9000 9000\ncpu0 1\ncpu7 1\nintr 5\n"
    assert cpu_time(lay({"proc/stat": stat})) == CpuTime(28.0, 2)


@pytest.mark.parametrize("stat", ["", "cpu 1 2 3\n", "cpu 1 2 3 4 5 6 x\n", "cpus 1 2\n"])
def test_what_makes_no_sense_is_unknown(lay: Lay, stat: str) -> None:
    """Too few columns, or a column that is not a number, give no sum and no CPU."""
    assert cpu_time(lay({"proc/stat": stat})) == CpuTime(None, None)


CPUINFO = "".join(
    f"processor\t: {cpu}\nmodel name\t: a: b\nphysical id\t: {package}\ncore id\t\t: {core}\n\n"
    for cpu, package, core in [(0, 0, 0), (1, 0, 1), (2, 1, 0), (3, 1, 0)]
)


def test_the_machine_with_its_cores_and_swap(lay: Lay) -> None:
    """Two threads of one core count once; each socket numbers its cores from 0; KiB are bytes."""
    root = lay(
        {
            "proc/cpuinfo": CPUINFO,
            "proc/meminfo": "MemTotal:        2048 kB\nMemFree: 5 kB\nSwapTotal:       0 kB\n",
            "proc/sys/kernel/osrelease": "6.1.0\n",
        }
    )
    assert machine(root) == Machine(4, 2048 << 10, 0, 3, 2, "6.1.0")


def test_what_a_cpu_does_not_report_is_unknown(lay: Lay) -> None:
    """ARM numbers its CPUs and says nothing of cores; without files there is nothing at all."""
    root = lay({"proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 50\n\nprocessor\t: 1\n\n"})
    assert machine(root) == Machine(cpus=2)
    assert machine("/nowhere") == Machine()


def test_a_device_has_its_file_name(lay: Lay) -> None:
    """The kernel's own name of the device stands below `/dev`."""
    root = lay({"sys/dev/block/8:16/uevent": "MAJOR=8\nMINOR=16\nDEVNAME=sdb\n"})
    assert Devices(root)(8, 16) == "/dev/sdb"


@pytest.mark.parametrize("files", [{}, {"sys/dev/block/8:16/uevent": "junk\nDEVNAME=\n"}])
def test_a_device_without_name_has_its_numbers(lay: Lay, files: dict[str, str]) -> None:
    """A device that `/sys` does not name is still distinct."""
    assert Devices(lay(files))(8, 16) == "8:16"


def test_a_name_is_found_later(lay: Lay) -> None:
    """A device that had no name yet is looked up again."""
    devices = Devices(lay({}))
    assert devices(8, 16) == "8:16"
    lay({"sys/dev/block/8:16/uevent": "DEVNAME=sdb\n"})
    assert devices(8, 16) == "/dev/sdb"
