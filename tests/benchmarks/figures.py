"""What was measured, as tables and as JSON. Pure."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selfinspect.model import Json

OURS = "selfinspect"


@dataclass(frozen=True)
class Row:
    """What one program did.

    Attributes:
        what: what was measured; rows of the same are beside each other.
        who: the program; ours is `OURS`.
        unit: the samples' unit.
        samples: one a round.
        lack: why there are none.
    """

    what: str
    who: str
    unit: str
    samples: tuple[float, ...] = ()
    lack: str = ""


@dataclass(frozen=True)
class Point:
    """A figure of so many containers together."""

    what: str
    who: str
    containers: int
    value: float


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that so many percent of all are not above."""
    return sorted(samples)[max(math.ceil(len(samples) * percent / 100), 1) - 1]


def table(rows: Sequence[Row]) -> list[str]:
    """A line a row. The ratio is how many times ours of the same kind a median is."""
    head = ("what", "who", "n", "median", "p95", "p99", "unit", "x ours")
    return aligned([head, *(_cells(row, _ours(rows, row)) for row in rows)])


def curves(points: Sequence[Point]) -> list[str]:
    """A line a figure, a column a number of containers."""
    counts = sorted({point.containers for point in points})
    names = list(dict.fromkeys((point.what, point.who) for point in points))
    values = {(point.what, point.who, point.containers): point.value for point in points}
    lines = [
        (
            *name,
            *(_shown(values[key]) if (key := (*name, count)) in values else "" for count in counts),
        )
        for name in names
    ]
    return aligned([("what", "who", *(f"N={count}" for count in counts)), *lines])


def differences(points: Sequence[Point]) -> list[Point]:
    """How much more there is with agents than without, where both were measured."""
    plain = {(each.what, each.containers): each.value for each in points if each.who == "plain"}
    return [
        Point(each.what, "agents - plain", each.containers, each.value - plain[key])
        for each in points
        if each.who == "agents" and (key := (each.what, each.containers)) in plain
    ]


def documents(rows: Iterable[Row]) -> list[Json]:
    """The same as the table, and every sample."""
    every = list(rows)
    return [_document(row, _ours(every, row)) for row in every]


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """The cells of each line below each other; the last may be as long as it is."""
    columns = max(map(len, lines))
    widths = [
        max((len(line[column]) for line in lines if column < len(line) - 1), default=0)
        for column in range(columns)
    ]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=False)).rstrip()
        for line in lines
    ]


def _ours(rows: Iterable[Row], row: Row) -> float | None:
    """The median of ours that a row is compared with; None for ours itself."""
    if row.who == OURS:
        return None
    same = (each for each in rows if (each.what, each.who) == (row.what, OURS) and each.samples)
    found = next(same, None)
    return statistics.median(found.samples) if found else None


def _cells(row: Row, ours: float | None) -> tuple[str, ...]:
    if not row.samples:
        return (row.what, row.who, f"not to be had: {row.lack}")
    median = statistics.median(row.samples)
    tails = (percentile(row.samples, each) for each in (95, 99))
    ratio = f"{median / ours:.2f}" if ours else ""
    figures = (str(len(row.samples)), _shown(median), *map(_shown, tails), row.unit, ratio)
    return (row.what, row.who, *figures)


def _document(row: Row, ours: float | None) -> Json:
    document: dict[str, Json] = {"what": row.what, "who": row.who, "unit": row.unit}
    if not row.samples:
        return document | {"lack": row.lack}
    median = statistics.median(row.samples)
    return document | {
        "n": len(row.samples),
        "median": median,
        "p95": percentile(row.samples, 95),
        "p99": percentile(row.samples, 99),
        "ratio": median / ours if ours else None,
        "samples": list(row.samples),
    }


def _shown(value: float) -> str:
    """Three digits that count, and never an exponent."""
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(max(digits, 0), 3)}f}"
