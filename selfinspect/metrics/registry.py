"""A page of metrics: collectors run apart and timed, then written out by prometheus_client.

The only importer of prometheus_client.
"""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING

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

from selfinspect import __version__
from selfinspect.metrics.families.family import Family, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from selfinspect.metrics.families.family import Labels
    from selfinspect.model import Event

    Collect = Callable[[], Iterable[Family]]

# The rest of an Accept header is not handed on: the library raises on a version it cannot parse.
_OPENMETRICS = "application/openmetrics-text"
# A decade each: every bucket costs each scrape a sample for each kind of request.
_BUCKETS = (0.001, 0.01, 0.1, 1.0, 10.0)


class Registry:
    """Counts what the agent does, and renders it with what the collectors find."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._own = CollectorRegistry(auto_describe=False)
        PlatformCollector(registry=self._own)
        ProcessCollector(registry=self._own)
        self._requests = Counter(
            "selfinspect_engine_requests",
            "Requests made of the engine, by its answer's status; 0 where none came.",
            ["endpoint", "code"],
            registry=self._own,
        )
        self._durations = Histogram(
            "selfinspect_engine_request_duration_seconds",
            "How long the engine took to answer.",
            ["endpoint"],
            buckets=_BUCKETS,
            registry=self._own,
        )
        self._events = Counter(
            "selfinspect_events",
            "Lifecycle events of this container.",
            ["type", "action"],
            registry=self._own,
        )
        self._reconciled = Counter(
            "selfinspect_events_reconciled",
            "Events that were missed, and told by what was found afterwards.",
            registry=self._own,
        )
        self._reconnects = Counter(
            "selfinspect_event_stream_reconnects",
            "How often the event streams were opened again.",
            registry=self._own,
        )

    def engine_answered(self, endpoint: str, code: int, seconds: float) -> None:
        """Count a request made of the engine. `code` is 0 where no answer came."""
        self._requests.labels(endpoint, str(code)).inc()
        self._durations.labels(endpoint).observe(seconds)

    def event_arrived(self, event: Event) -> None:
        """Count an event; a health check's verdicts apart, as the engine writes them."""
        status = event.attributes.get("status") if event.action == "health_status" else None
        action = f"{event.action}: {status}" if isinstance(status, str) else event.action
        self._events.labels(event.type, action).inc()
        if event.source == "reconciled":
            self._reconciled.inc()

    def stream_reopened(self) -> None:
        """Count a reconnection of the event streams."""
        self._reconnects.inc()

    def render(
        self, collectors: Mapping[str, Collect], *, common: Mapping[str, Labels], accept: str
    ) -> tuple[bytes, str]:
        """The page, and its content type.

        Args:
            collectors: by name; one that raises loses its own families alone.
            common: labels that every point of a family has whose name begins with the key.
            accept: the request's Accept header; OpenMetrics where it asks for that.
        """
        encode, content_type = choose_encoder(_OPENMETRICS if _OPENMETRICS in accept else "")
        page: bytes = encode(_Page([*_collected(collectors), *self._own.collect()]))
        for prefix, labels in common.items():
            if labels:
                page = _labelled(page, prefix.encode(), encode(_Page([_carrying(labels)])))
        return page, content_type


class _Page:
    """Metrics collected beforehand."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _carrying(labels: Labels) -> Metric:
    metric = Metric("labels", "", "gauge")
    metric.add_sample("labels", dict(labels), 0)
    return metric


def _labelled(page: bytes, prefix: bytes, carrier: bytes) -> bytes:
    """The page with the labels of a carrier on every sample whose name begins with a prefix.

    The library would sort and escape them anew for each of a hundred samples: half of the time
    that a page takes. No line break stands in what it has escaped.
    """
    labels = carrier[carrier.index(b"{") + 1 : carrier.rindex(b"}")]
    lines = page.split(b"\n")
    for number, line in enumerate(lines):
        if line.startswith(prefix):
            name, space, rest = line.partition(b" ")
            bare, brace, first = name.partition(b"{")
            lines[number] = bare + b"{" + labels + (b"," + first + space if brace else b"} ") + rest
    return b"\n".join(lines)


def _collected(collectors: Mapping[str, Collect]) -> Iterator[Metric]:
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
        for family in families:
            if family.points:
                yield _metric(family)
    for family in (
        Family(
            "selfinspect_build_info",
            "gauge",
            "The agent's version.",
            (Point(1, {"version": __version__, "python": platform.python_version()}),),
        ),
        Family(
            "selfinspect_collector_success", "gauge", "1 where a collector worked.", tuple(success)
        ),
        Family(
            "selfinspect_collector_duration_seconds",
            "gauge",
            "How long a collector took.",
            tuple(duration),
        ),
    ):
        yield _metric(family)


def _metric(family: Family) -> Metric:
    metric = Metric(family.name, family.help, family.kind)
    name = f"{family.name}_total" if family.kind == "counter" else family.name
    for point in family.points:
        metric.add_sample(name, dict(point.labels), point.value, point.timestamp)
    return metric
