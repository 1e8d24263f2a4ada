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
    for name, field, text in (
        ("reads_bytes", "read_bytes", "Bytes read."),
        ("writes_bytes", "write_bytes", "Bytes written."),
        ("reads", "reads", "Reads."),
        ("writes", "writes", "Writes."),
    ):
        yield family(
            f"container_fs_{name}",
            "counter",
            text,
            [
                Point(value, {"device": device})
                for device, figures in (sample.io or {}).items()
                if (value := getattr(figures, field)) is not None
            ],
        )
    yield family(
        "container_blkio_device_usage",
        "counter",
        "Bytes moved, by device and operation.",
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
    for name, text, value in (
        ("usage_bytes", "Bytes in the container's writable layer.", usage),
        ("limit_bytes", "Size of the file system.", found.size_bytes or None),
        ("inodes_free", "Inodes still to be had.", found.inodes_free if found.inodes else None),
        ("inodes_total", "Inodes in all.", found.inodes or None),
    ):
        yield family(f"container_fs_{name}", "gauge", text, point(value, device=found.device))
