"""A page of metrics: collectors run apart and timed, then written out by prometheus_client.

The only importer of prometheus_client.
"""

from __future__ import annotations

import platform
import time
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from selfinspect import __version__
from selfinspect.metrics.catalog import CATALOG
from selfinspect.metrics.family import Family, Point, family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from selfinspect.metrics.family import Labels
    from selfinspect.model import Event, Occurrence

    Collect = Callable[[], Iterable[Family]]

# A decade each: every bucket costs each scrape a sample for each kind of request.
_BUCKETS = (0.001, 0.01, 0.1, 1.0, 10.0)


_HEADING = 2
"""Lines before the samples of a family: its help and its type."""


class Registry:
    """Counts what the agent does, and renders it with what the collectors find."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._written: dict[str, dict[str, _Written]] = {}
        self._own = CollectorRegistry(auto_describe=False)
        PlatformCollector(registry=self._own)
        ProcessCollector(registry=self._own)
        self._requests = Counter(
            *_described("selfinspect_engine_requests_total"),
            ["endpoint", "code"],
            registry=self._own,
        )
        self._durations = Histogram(
            *_described("selfinspect_engine_request_duration_seconds"),
            ["endpoint"],
            buckets=_BUCKETS,
            registry=self._own,
        )
        self._events = Counter(
            *_described("selfinspect_events_total"),
            ["type", "action"],
            registry=self._own,
        )
        self._reconciled = Counter(
            *_described("selfinspect_events_reconciled_total"),
            registry=self._own,
        )
        self._reconnects = Counter(
            *_described("selfinspect_event_stream_reconnects_total"),
            registry=self._own,
        )

    def engine_answered(self, endpoint: str, code: int, seconds: float) -> None:
        """Count a request made of the engine. `code` is 0 where no answer came."""
        self._requests.labels(endpoint, str(code)).inc()
        self._durations.labels(endpoint).observe(seconds)

    def event_arrived(self, event: Event | Occurrence) -> None:
        """Count an event; a health check's verdicts apart, as the engine writes them.

        A gap says that events may have been missed: of it alone nothing is told.
        """
        status = event.attributes.get("status") if event.action == "health_status" else None
        action = f"{event.action}: {status}" if isinstance(status, str) else event.action
        self._events.labels(event.type, action).inc()
        if event.source == "reconciled" and event.action != "gap":
            self._reconciled.inc()

    def stream_reopened(self) -> None:
        """Count a reconnection of the event streams."""
        self._reconnects.inc()

    def render(
        self, collectors: Mapping[str, Collect], *, common: Mapping[str, Labels], media_type: str
    ) -> tuple[bytes, str]:
        """The page, and its content type.

        A family is written again when anything of it has changed, and where only values have, only
        those: from one scrape to the next most have not, and writing takes longer than all the
        rest.

        Args:
            collectors: by name; one that raises loses its own families alone.
            common: labels that every point of a family has whose name begins with the key.
            media_type: `application/openmetrics-text`, or `text/plain`.
        """
        encode, content_type = choose_encoder(media_type)
        end = encode(_Page([]))
        labels = {
            prefix: _between_braces(encode(_Page([_carrying(carried)])))
            for prefix, carried in common.items()
            if carried
        }
        written = self._written.setdefault(content_type, {})
        page: list[bytes] = []
        families: Iterator[Family | Metric] = chain(_collected(collectors), self._own.collect())
        for found in families:
            carried = next((labels[each] for each in labels if found.name.startswith(each)), b"")
            last = written.get(found.name)
            if last is None or last.labels != carried or last.found != found:
                text = _with_values(last, found) if last and last.labels == carried else None
                if text is None:
                    metric = _metric(found) if isinstance(found, Family) else found
                    text = _labelled(encode(_Page([metric])).removesuffix(end), carried)
                last = written[found.name] = _Written(found, carried, text)
            page.append(last.text)
        return b"".join([*page, end]), content_type


class _Written(NamedTuple):
    """A family as it was last written, with the labels that it shares with others."""

    found: Family | Metric
    labels: bytes
    text: bytes


def _with_values(last: _Written, found: Family | Metric) -> bytes | None:
    """What was written of a family with the values of now; None where more than those changed."""
    before = last.found
    if not isinstance(before, Family) or not isinstance(found, Family):
        return None
    if [_but_its_value(each) for each in before.points] != [
        _but_its_value(each) for each in found.points
    ]:
        return None
    lines = last.text.split(b"\n")
    for number, point in enumerate(found.points, _HEADING):
        if point.timestamp is not None:
            continue  # it is the same
        start, _, _ = lines[number].rpartition(b" ")
        value = floatToGoString(point.value)  # type: ignore[no-untyped-call]
        lines[number] = start + b" " + value.encode()
    return b"\n".join(lines)


def _but_its_value(point: Point) -> object:
    """What has to stay for a point's value alone to be written again: that has no timestamp."""
    return point.labels if point.timestamp is None else point


class _Page:
    """Metrics collected beforehand."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _carrying(labels: Labels) -> Metric:
    metric = Metric("labels", "", "gauge")
    metric.add_sample("labels", _encodable(labels), 0)
    return metric


def _encodable(labels: Labels) -> dict[str, str]:
    """The labels without halves of surrogate pairs: JSON can say one, and UTF-8 cannot."""
    return {name: value.encode(errors="replace").decode() for name, value in labels.items()}


def _between_braces(sample: bytes) -> bytes:
    return sample[sample.index(b"{") + 1 : sample.rindex(b"}")]


def _labelled(text: bytes, labels: bytes) -> bytes:
    """A written family with further labels on every sample.

    The library would sort and escape them anew for each of a hundred samples. No line break
    stands in what it has escaped.
    """
    if not labels:
        return text
    lines = text.split(b"\n")
    for number, line in enumerate(lines):
        if line and not line.startswith(b"#"):
            name, space, rest = line.partition(b" ")
            bare, brace, first = name.partition(b"{")
            lines[number] = bare + b"{" + labels + (b"," + first + space if brace else b"} ") + rest
    return b"\n".join(lines)


def _collected(collectors: Mapping[str, Collect]) -> Iterator[Family]:
    success, duration = [], []
    for name, collect in collectors.items():
        begun = time.perf_counter()
        try:
            families = list(collect())
            ok = True
        except Exception:  # noqa: BLE001 - one collector's failure never costs the others
            families, ok = [], False
        labels = {"collector": name}
        duration.append(Point(time.perf_counter() - begun, labels))
        success.append(Point(float(ok), labels))
        yield from (each for each in families if each.points)
    yield from (
        family(
            "selfinspect_build_info",
            [Point(1, {"version": __version__, "python": platform.python_version()})],
        ),
        family("selfinspect_collector_success", success),
        family("selfinspect_collector_duration_seconds", duration),
    )


def _described(name: str) -> tuple[str, str]:
    """The name of a metric of our own, and its help."""
    return name, CATALOG[name].help


def _metric(found: Family) -> Metric:
    metric = Metric(found.name, found.help, found.kind)
    name = f"{found.name}_total" if found.kind == "counter" else found.name
    for point in found.points:
        metric.add_sample(name, _encodable(point.labels), point.value, point.timestamp)
    return metric
