"""What a metric is made of, and the labels of every series about the container. Pure."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from selfinspect.metrics.catalog import METRICS, kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from selfinspect.masking import Masking
    from selfinspect.metrics.catalog import Kind
    from selfinspect.model import Self

Labels: TypeAlias = "Mapping[str, str]"

_LONGEST = 1024
_ROOM = 16 * 1024

DEFAULT_LABELS = (
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.compose.container-number",
    *(
        f"com.docker.swarm.{what}.{which}"
        for what in ("service", "task", "node")
        for which in ("id", "name")
    ),
    "com.docker.stack.namespace",
    "org.opencontainers.image.title",
    "org.opencontainers.image.version",
    "org.opencontainers.image.revision",
)
"""Globs over the container's labels: those that series carry unless others are admitted."""


_DESCRIBED = {
    name: (
        name.removesuffix("_total") if kind(name) == "counter" else name,
        kind(name),
        metric.help,
    )
    for name, metric in METRICS.items()
}


class Point(NamedTuple):
    """A value with the labels it has beyond the container's own.

    `timestamp` is in seconds since the Unix epoch, where the value carries one.
    """

    value: float
    labels: Labels
    timestamp: float | None = None


class Family(NamedTuple):
    """A metric: its name without `_total`, and its points, all with the same label names."""

    name: str
    kind: Kind
    help: str
    points: tuple[Point, ...]


def family(name: str, points: Iterable[Point]) -> Family:
    """A family of these points, with the type and the help that the catalog has for it.

    Args:
        name: as it is exposed: that of a counter ends with `_total`.
        points: none for a family that is absent.

    Raises:
        KeyError: the catalog has no such metric.
    """
    return Family(*_DESCRIBED[name], tuple(points))


def families(prefix: str, **values: float | None) -> Iterator[Family]:
    """Families of one value each, by what their names have after the prefix."""
    for name, value in values.items():
        yield family(prefix + name, point(value))


def one_of(name: str, label: str, choices: Iterable[str], current: str) -> Family:
    """A family with a point for each choice: 1 for the current one, else 0."""
    return family(name, [Point(float(each == current), {label: each}) for each in choices])


def point(value: float | None, **labels: str) -> tuple[Point, ...]:
    """One point, none where the value is unknown."""
    return () if value is None else (Point(value, labels),)


def container_labels(
    own: Self,
    *,
    cgroup_path: str | None,
    masking: Masking,
    admitted: Sequence[str] = DEFAULT_LABELS,
) -> Labels:
    """The labels on every `container_` series: `id`, `name`, `image` and admitted labels.

    Two labels that become the same name would make the whole page invalid: the first in sort
    order stays. They stand on each of some hundred and fifty series, so that of a value 1024
    characters are kept, and of all labels as many as 16 KiB hold.

    Args:
        own: the document about the container.
        cgroup_path: its cgroup as the host sees it, None where that is unknown.
        masking: hides secrets in label values, since anyone may scrape.
        admitted: globs over the names of its labels.
    """
    labels = {
        "id": "" if own.id is None else cgroup_path or f"/docker/{own.id}",
        "name": _cut(own.name or ""),
        "image": _cut(own.image.reference or ""),
    }
    room = _ROOM
    for key, value in sorted((own.labels or {}).items()):
        if any(fnmatchcase(key, glob) for glob in admitted):
            name = f"container_label_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}"
            shown = _cut(masking.value(key, value))
            room -= len(name) + len(shown)
            if room >= 0:
                labels.setdefault(name, shown)
    return labels


def _cut(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
