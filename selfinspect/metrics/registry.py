"""A page of metrics: collectors run apart and timed, then written out by prometheus_client.

The only importer of prometheus_client.
"""

from __future__ import annotations

import platform
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from selfinspect import __version__
from selfinspect.metrics.catalog import METRICS
from selfinspect.metrics.family import Family, Point, family
from selfinspect.standins import standing_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from selfinspect.metrics.catalog import Kind
    from selfinspect.metrics.family import Labels
    from selfinspect.model import Event, Occurrence

    Collect = Callable[[], Iterable[Family]]
    _Collected: TypeAlias = "CollectorRegistry | _Page"
    OnFailure = Callable[[Sequence[str], Exception], None]


# It derives classes from those of the standard library's servers, of which none is ever started
# here, and its push gateway needs `ssl`; they take 2 MiB and 20 ms. So it derives them from empty
# ones.
with standing_in(
    lambda member: type(member, (), {}),
    "http.server", "socketserver", "ssl", "urllib.request", "wsgiref.simple_server",
):  # fmt: skip
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

# A decade each: every bucket costs each scrape a sample for each kind of request.
_BUCKETS = (0.001, 0.01, 0.1, 1.0, 10.0)
_MOST_REPORTED = 64


class Registry:
    """Counts what the agent does, and renders it with what the collectors find.

    From one scrape to the next most of a page stays the same, and writing takes longer than all the
    rest. So what was written is kept: a family until more than values changes, and our own counts
    until something is counted: then `_counts_state` is another object.

    Args:
        on_failure: takes the names of the collectors that fail for one reason, and the error: not
            at each scrape, but once a reason.
    """

    def __init__(self, on_failure: OnFailure = lambda names, error: None) -> None:  # noqa: ARG005
        disable_created_metrics()
        self._on_failure = on_failure
        self._reported: set[tuple[str, str]] = set()
        self._reporting = threading.Lock()
        self._formats: dict[str, _Format] = {}
        self._counts_state = object()
        self._process = CollectorRegistry(auto_describe=False)
        PlatformCollector(registry=self._process)
        ProcessCollector(registry=self._process)
        self._counts = CollectorRegistry(auto_describe=False)
        self._requests = self._counter("selfinspect_engine_requests_total", "endpoint", "code")
        name = "selfinspect_engine_request_duration_seconds"
        self._durations = Histogram(
            name, METRICS[name].help, ["endpoint"], buckets=_BUCKETS, registry=self._counts
        )
        self._events = self._counter("selfinspect_events_total", "type", "action")
        self._reconciled = self._counter("selfinspect_events_reconciled_total")
        self._reconnects = self._counter("selfinspect_event_stream_reconnects_total")

    def _counter(self, name: str, *labels: str) -> Counter:
        return Counter(name, METRICS[name].help, labels, registry=self._counts)

    def engine_answered(self, endpoint: str, code: int, seconds: float) -> None:
        """Count a request made of the engine. `code` is 0 where no answer came."""
        self._requests.labels(endpoint, str(code)).inc()
        self._durations.labels(endpoint).observe(seconds)
        self._counts_state = object()

    def event_arrived(self, event: Event | Occurrence) -> None:
        """Count an event; the results of a health check apart, as the engine writes them.

        A gap says that events may have been missed: it alone is not one that was derived.
        """
        status = event.attributes.get("status") if event.action == "health_status" else None
        action = f"{event.action}: {status}" if isinstance(status, str) else event.action
        self._events.labels(event.type, action).inc()
        if event.source == "reconciled" and event.action != "gap":
            self._reconciled.inc()
        self._counts_state = object()

    def stream_reopened(self) -> None:
        """Count a reconnection of the event streams."""
        self._reconnects.inc()
        self._counts_state = object()

    def render(
        self, collectors: Mapping[str, Collect], *, common: Mapping[str, Labels], media_type: str
    ) -> tuple[bytes, str]:
        """The page, and its content type.

        Args:
            collectors: by name; one that raises loses only its own families.
            common: labels that every point of a family has whose name begins with the key.
            media_type: `application/openmetrics-text`, or `text/plain`.
        """
        encode, content_type = choose_encoder(media_type)
        form = self._formats.get(content_type)
        if form is None:
            form = self._formats[content_type] = _Format(encode)
        labels = [(prefix, form.labels(carried)) for prefix, carried in common.items() if carried]
        page = []
        for found in (*self._collected(collectors), *map(_family, self._process.collect())):
            carried = b""
            for prefix, each in labels:
                if found.name.startswith(prefix):
                    carried = each
            page.append(form.family(found, carried))
        page += form.counts(self._counts, self._counts_state), form.end
        return b"".join(page), content_type

    def _collected(self, collectors: Mapping[str, Collect]) -> Iterator[Family]:
        success, duration = [], []
        failed: dict[str, Exception] = {}
        for name, collect in collectors.items():
            begun = time.perf_counter()
            try:
                families = list(collect())
            except Exception as error:  # noqa: BLE001 - one collector's failure never costs the others
                families = []
                failed[name] = error
            labels = {"collector": name}
            duration.append(Point(time.perf_counter() - begun, labels))
            success.append(Point(float(name not in failed), labels))
            yield from (each for each in families if each.points)
        self._report(failed)
        yield from (
            family(
                "selfinspect_build_info",
                [Point(1, {"version": __version__, "python": platform.python_version()})],
            ),
            family("selfinspect_collector_success", success),
            family("selfinspect_collector_duration_seconds", duration),
        )

    def _report(self, failed: Mapping[str, Exception]) -> None:
        """Report a failure once for each collector and reason, whoever scrapes and how often."""
        news: dict[str, list[str]] = {}
        with self._reporting:
            for name, error in failed.items():
                reason = repr(error)
                if (name, reason) not in self._reported and len(self._reported) < _MOST_REPORTED:
                    self._reported.add((name, reason))
                    news.setdefault(reason, []).append(name)
        for names in news.values():
            self._on_failure(names, failed[names[0]])


class _Format:
    """Writes parts of a page in one format, and keeps what it wrote.

    Args:
        encode: the library's, for all that it collects from something.

    Attributes:
        end: of each page.
    """

    def __init__(self, encode: Callable[[_Collected], bytes]) -> None:
        self.end = encode(_Page([]))
        self._encode = encode
        self._families: dict[str, _Written] = {}
        self._labels: tuple[Labels, bytes] = {}, b""
        self._counts: tuple[object, bytes] = None, b""

    def labels(self, labels: Labels) -> bytes:
        """Labels as they stand between braces."""
        last, text = self._labels
        if last != labels:
            text = self._text(_metric(Family("labels", "gauge", "", (Point(0, labels),))))
            text = text[text.index(b"{") + 1 : text.rindex(b"}")]
            self._labels = labels, text
        return text

    def family(self, found: Family, labels: bytes) -> bytes:
        """A family, with the labels that it shares with others."""
        last = self._families.get(found.name)
        if last is None or last.labels != labels or last.points != found.points:
            if last is not None and last.labels == labels and last.is_of(found.points):
                last = last.with_values(found.points)
            else:
                text = _labelled(self._text(_metric(found)), labels)
                last = _Written.whole(found.points, labels, text)
            self._families[found.name] = last
        return last.text

    def counts(self, registry: CollectorRegistry, state: object) -> bytes:
        """All that a registry has, which is the same as long as `state` is the same object."""
        last, text = self._counts
        if last is not state:
            text = self._encode(registry).removesuffix(self.end)
            self._counts = state, text
        return text

    def _text(self, metric: Metric) -> bytes:
        return self._encode(_Page([metric])).removesuffix(self.end)


class _Written(NamedTuple):
    """A family as it was last written.

    Attributes:
        points: what was written.
        labels: those that it shares with other families.
        heading: its help and its type.
        starts: the line of each point up to its value; the whole of one with a timestamp.
        text: all of it.
    """

    points: tuple[Point, ...]
    labels: bytes
    heading: bytes
    starts: tuple[bytes, ...]
    text: bytes

    @classmethod
    def whole(cls, points: tuple[Point, ...], labels: bytes, text: bytes) -> _Written:
        """A family from its text."""
        help_, type_, *lines = text.rstrip(b"\n").split(b"\n")
        starts = tuple(
            line[: line.rindex(b" ") + 1] if point.timestamp is None else line
            for point, line in zip(points, lines, strict=True)
        )
        return cls(points, labels, help_ + b"\n" + type_, starts, text)

    def is_of(self, points: tuple[Point, ...]) -> bool:
        """Whether only values differ from those points, none of which has a timestamp."""
        return len(points) == len(self.points) and all(
            now.labels == before.labels
            and now.timestamp == before.timestamp
            and (now.timestamp is None or now.value == before.value)
            for now, before in zip(points, self.points, strict=True)
        )

    def with_values(self, points: tuple[Point, ...]) -> _Written:
        """The same with the values of these points."""
        lines = [self.heading]
        for start, point in zip(self.starts, points, strict=True):
            value = b"" if point.timestamp is not None else _written_value(point.value)
            lines.append(start + value)
        return self._replace(points=points, text=b"\n".join([*lines, b""]))


def _written_value(value: float) -> bytes:
    text: str = floatToGoString(value)
    return text.encode()


class _Page:
    """Metrics collected beforehand."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _encodable(labels: Labels) -> dict[str, str]:
    """The labels without halves of surrogate pairs: JSON can hold one, and UTF-8 cannot."""
    return {name: value.encode(errors="replace").decode() for name, value in labels.items()}


def _labelled(text: bytes, labels: bytes) -> bytes:
    """A written family with further labels on every sample.

    The library would sort and escape them again for each of a hundred samples. What it has escaped
    contains no line break.
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


def _metric(found: Family) -> Metric:
    metric = Metric(found.name, found.help, found.kind)
    name = f"{found.name}_total" if found.kind == "counter" else found.name
    for point in found.points:
        metric.add_sample(name, _encodable(point.labels), point.value, point.timestamp)
    return metric


def _family(metric: Metric) -> Family:
    """A metric of the library's own collectors, all of whose are counters or gauges."""
    points = tuple(Point(sample.value, sample.labels) for sample in metric.samples)
    kind: Kind = "counter" if metric.type == "counter" else "gauge"
    return Family(metric.name, kind, metric.documentation, points)
