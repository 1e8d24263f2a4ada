"""Network traffic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selfinspect.metrics.families.family import Point, family

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Interface, Sample

_NEVER_REPORTED = re.compile(r"lo|(veth|docker).*")
_TRAFFIC = ("bytes", "packets", "errors", "dropped")


def network(sample: Sample) -> Iterator[Family]:
    """Traffic of each interface."""
    interfaces = {
        name: interface
        for name, interface in (sample.network or {}).items()
        if not _NEVER_REPORTED.fullmatch(name)
    }
    for direction, prefix in (("receive", "rx"), ("transmit", "tx")):
        for what in _TRAFFIC:
            name = "packets_dropped" if what == "dropped" else what
            yield family(
                f"container_network_{direction}_{name}_total",
                _traffic(interfaces, f"{prefix}_{what}"),
            )


def _traffic(interfaces: Mapping[str, Interface], field: str) -> list[Point]:
    return [
        Point(value, {"interface": name})
        for name, interface in interfaces.items()
        if (value := getattr(interface, field)) is not None
    ]
