"""Block devices and the file system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.metrics.families.family import Point, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Filesystem, Sample


def io(sample: Sample) -> Iterator[Family]:
    """What was read from and written to each device."""
    for name, field in (
        ("reads_bytes", "read_bytes"),
        ("writes_bytes", "write_bytes"),
        ("reads", "reads"),
        ("writes", "writes"),
    ):
        yield family(
            f"container_fs_{name}_total",
            [
                Point(value, {"device": device})
                for device, figures in (sample.io or {}).items()
                if (value := getattr(figures, field)) is not None
            ],
        )
    yield family(
        "container_blkio_device_usage_total",
        [
            Point(
                each.bytes,
                {
                    "device": each.device,
                    "major": str(each.major),
                    "minor": str(each.minor),
                    "operation": each.operation,
                },
            )
            for each in sample.detail.transfers
        ],
    )


def filesystem(found: Filesystem, usage: int | None) -> Iterator[Family]:
    """The file system below the container's root.

    Args:
        found: its size and its inodes.
        usage: bytes of the container's own writable layer, None where they were not counted.
    """
    for name, value in (
        ("usage_bytes", usage),
        ("limit_bytes", found.size_bytes or None),
        ("inodes_free", found.inodes_free if found.inodes else None),
        ("inodes_total", found.inodes or None),
    ):
        yield family(f"container_fs_{name}", point(value, device=found.device))
