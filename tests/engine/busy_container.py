"""A container under load, with every limit that makes a figure appear."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engine.conftest import sh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.conftest import Container, Engine

_BUSY = Path(__file__).with_name("busy.py")


@contextmanager
def busy_container(engine: Engine, folder: Path, *options: str) -> Iterator[Container]:
    """Busy with CPU, memory, network and a loop device of its own.

    Without a limit on a device some kernels with cgroup v1 count no traffic with it.
    """
    disk = folder / "disk"
    with disk.open("wb") as file:
        file.truncate(16 << 20)
    device = sh("losetup", "--find", "--show", disk)
    try:
        yield engine.start(
            "--user", "0", "--memory", "128m", "--cpus", "0.5", "--pids-limit", "64",
            "--device", device, "--device-read-bps", f"{device}:50mb",
            "--device-write-bps", f"{device}:50mb",
            "--volume", f"{_BUSY}:/busy.py:ro", *options,
            command=("run", "--", "python3", "/busy.py", device, "172.17.0.1"),
        ).ready()  # fmt: skip
    finally:
        engine.remove_started()
        sh("losetup", "--detach", device)
