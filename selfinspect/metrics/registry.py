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
from selfinspect.metrics.families import Family, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from selfinspect.metrics.families import Labels

    Collect = Callable[[], Iterable[Family]]

# The rest of an Accept header is not handed on: the library raises on a version it cannot parse.
_OPENMETRICS = "application/openmetrics-text"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


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
        self._reconnects = Counter(
            "selfinspect_event_stream_reconnects",
            "How often the event streams were opened again.",
            registry=self._own,
        )

    def engine_answered(self, endpoint: str, code: int, seconds: float) -> None:
        """Count a request made of the engine. `code` is 0 where no answer came."""
        self._requests.labels(endpoint, str(code)).inc()
        self._durations.labels(endpoint).observe(seconds)

    def event_arrived(self, type_: str, action: str) -> None:
        """Count an event."""
        self._events.labels(type_, action).inc()

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
        page = _Page([*_collected(collectors, common), *self._own.collect()])
        return encode(page), content_type


class _Page:
    """Metrics collected beforehand."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _collected(collectors: Mapping[str, Collect], common: Mapping[str, Labels]) -> Iterator[Metric]:
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
                yield _metric(family, common)
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
        yield _metric(family, {})


def _metric(family: Family, common: Mapping[str, Labels]) -> Metric:
    shared = next((labels for key, labels in common.items() if family.name.startswith(key)), {})
    metric = Metric(family.name, family.help, family.kind)
    name = f"{family.name}_total" if family.kind == "counter" else family.name
    for point in family.points:
        metric.add_sample(name, {**shared, **point.labels}, point.value, point.timestamp)
    return metric
