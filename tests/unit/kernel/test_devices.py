from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.machine import Devices

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]


def test_a_device_has_its_file_name(lay: Lay) -> None:
    """The kernel's own name of the device stands below `/dev`."""
    root = lay({"sys/dev/block/8:16/uevent": "MAJOR=8\nMINOR=16\nDEVNAME=sdb\n"})
    assert Devices(root)(8, 16) == "/dev/sdb"


@pytest.mark.parametrize("files", [{}, {"sys/dev/block/8:16/uevent": "junk\nDEVNAME=\n"}])
def test_a_device_without_name_has_its_numbers(lay: Lay, files: dict[str, str]) -> None:
    """A device that `/sys` does not name is still told apart."""
    assert Devices(lay(files))(8, 16) == "8:16"


def test_a_name_is_found_later(lay: Lay) -> None:
    """A device that had no name yet is looked up again."""
    devices = Devices(lay({}))
    assert devices(8, 16) == "8:16"
    lay({"sys/dev/block/8:16/uevent": "DEVNAME=sdb\n"})
    assert devices(8, 16) == "/dev/sdb"
