"""A page of metrics, read back as Prometheus would read it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families as plain_text

from selfinspect.metrics.family import Family, Point
from selfinspect.metrics.registry import Registry
from selfinspect.model import Actor, Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Sample

    from selfinspect.metrics.family import Labels
    from selfinspect.metrics.registry import Collect

OPENMETRICS, TEXT = "application/openmetrics-text", "text/plain"
ODD = 'line\nbreak "quoted" back\\slash tab\t ünï=código, {a="b"} \x1b \U0001f433'


def open_metrics(page: str) -> Iterable[Metric]:
    """The families of a page of OpenMetrics."""
    families: Iterable[Metric] = parser.text_string_to_metric_families(page)
    return families


LOADED = """
import sys
from selfinspect.metrics.registry import Registry
assert not sys.modules.keys() & {"http.server", "wsgiref.simple_server"}
page, _ = Registry().render({}, common={}, media_type=sys.argv[1])
assert b"process_resident_memory_bytes" in page
from http.server import HTTPServer
from wsgiref.simple_server import make_server
make_server("127.0.0.1", 0, None).server_close()
"""


@pytest.mark.parametrize("media_type", [OPENMETRICS, TEXT])
def test_no_server_of_the_library_is_loaded(media_type: str) -> None:
    """A page is made without those it derives its own of, and who imports them gets the real."""
    subprocess.run([sys.executable, "-c", LOADED, media_type], check=True)


def _page(
    collectors: Mapping[str, Collect],
    *,
    common: Mapping[str, Labels] | None = None,
    media_type: str = TEXT,
    registry: Registry | None = None,
) -> tuple[str, str]:
    page, content_type = (registry or Registry()).render(
        collectors, common=common or {}, media_type=media_type
    )
    return page.decode(), content_type


def _samples(page: str) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for family in plain_text(page):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def _broken() -> Iterable[Family]:
    yield Family("container_half", "gauge", "Half.", (Point(1, {}),))
    raise ValueError("broken")


def event(action: str, **attributes: str) -> Event:
    """An event of the container."""
    return Event("c", 1, None, "", "container", action, Actor("", None), attributes, "live")


def test_a_health_checks_verdicts_are_counted_apart() -> None:
    """As the engine writes them; no other attribute makes a series of its own."""
    registry = Registry()
    registry.event_arrived(event("health_status", status="unhealthy"))
    registry.event_arrived(event("exec_start", command="sh -c secret"))
    found = _samples(_page({}, registry=registry)[0])["selfinspect_events_total"]
    assert {sample.labels["action"] for sample in found} == {
        "health_status: unhealthy",
        "exec_start",
    }


def test_reconciled_events_are_counted() -> None:
    """They were missed while they happened."""
    registry = Registry()
    registry.event_arrived(replace(event("die"), source="reconciled"))
    found = _samples(_page({}, registry=registry)[0])
    assert found["selfinspect_events_reconciled_total"][0].value == 1


def _families(*families: Family) -> Collect:
    return lambda: families


USAGE = Family("container_cpu_usage_seconds", "counter", "CPU.", (Point(1.5, {"cpu": "total"}),))
FAILCNT = Family("container_memory_failcnt", "unknown", "Hits.", (Point(3, {}),))
SEEN = Family("container_last_seen", "gauge", "Seen.", (Point(7.0, {}, timestamp=7.25),))


def test_a_counter_ends_in_total_and_nothing_else_does() -> None:
    """A counter that cAdvisor names without it is of an unknown kind."""
    page, _ = _page({"all": _families(USAGE, FAILCNT)})
    found = _samples(page)
    assert found["container_cpu_usage_seconds_total"][0].value == 1.5
    assert found["container_memory_failcnt"][0].value == 3
    assert "# TYPE container_memory_failcnt untyped" in page


def test_a_timestamp_is_written_where_there_is_one() -> None:
    """In milliseconds, and on no other sample."""
    page, _ = _page({"all": _families(SEEN, FAILCNT)})
    assert "container_last_seen 7.0 7250\n" in page
    assert "container_memory_failcnt 3.0\n" in page


def test_common_labels_stand_on_the_families_they_are_for() -> None:
    """Every `container_` series carries the container's labels, ours do not."""
    ours = Family("selfinspect_engine_up", "gauge", "Up.", (Point(1, {}),))
    page, _ = _page({"all": _families(USAGE, ours)}, common={"container_": {"name": "web"}})
    found = _samples(page)
    usage = found["container_cpu_usage_seconds_total"][0]
    assert usage.labels == {"name": "web", "cpu": "total"}
    assert found["selfinspect_engine_up"][0].labels == {}


def test_a_timestamp_stays_where_another_points_value_changes() -> None:
    """Only the values of points without one are written again."""
    registry = Registry()
    kept = Point(7, {"a": "x"}, 1.5)
    page = ""
    for value in (1, 2):
        found = Family("container_x", "gauge", "X.", (kept, Point(value, {"a": "y"})))
        page, _ = _page({"all": _families(found)}, media_type=TEXT, registry=registry)
    assert 'container_x{a="x"} 7.0 1500\n' in page
    assert 'container_x{a="y"} 2.0\n' in page


@pytest.mark.parametrize("media_type", [TEXT, OPENMETRICS])
def test_each_page_says_what_is_so_now(media_type: str) -> None:
    """A value, a label, the common labels, our own counts: none is an earlier page's."""
    registry = Registry()

    def found(value: float, cpu: str, name: str) -> list[Sample]:
        usage = Family("container_x", "gauge", "X.", (Point(value, {"cpu": cpu}),))
        common = {"container_": {"name": name}}
        text, _ = _page(
            {"all": _families(usage)}, common=common, media_type=media_type, registry=registry
        )
        parse = open_metrics if media_type == OPENMETRICS else plain_text
        samples = (sample for family in parse(text) for sample in family.samples)
        ours = ("container_x", "selfinspect_event_stream_reconnects_total")
        return [sample for sample in samples if sample.name in ours]

    pages = [found(1, "0", "a"), found(1, "0", "a"), found(2, "0", "a"), found(2, "1", "a")]
    registry.stream_reopened()
    pages.append(found(2, "1", "b"))
    assert [(page[0].value, *page[0].labels.values(), page[1].value) for page in pages] == [
        (1, "a", "0", 0),
        (1, "a", "0", 0),
        (2, "a", "0", 0),
        (2, "a", "1", 0),
        (2, "b", "1", 1),
    ]


POINTS = st.lists(
    st.builds(
        Point,
        st.one_of(st.floats(), st.integers(-5, 5), st.sampled_from([1e300, 123456789.0])),
        st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["", "x y", ODD])),
        st.sampled_from([None, None, 1.5]),
    ),
    max_size=3,
)
PAGES = st.lists(st.tuples(POINTS, st.sampled_from([{}, {"name": "a b"}])), min_size=2, max_size=6)


@given(pages=PAGES, media_type=st.sampled_from([TEXT, OPENMETRICS]))
def test_what_a_page_before_was_like_changes_nothing(
    pages: list[tuple[list[Point], Labels]], media_type: str
) -> None:
    """Values, labels and timestamps come and go: each page is as the first one would be."""

    def lines(registry: Registry, points: list[Point], labels: Labels) -> list[str]:
        found = Family("container_x", "gauge", "X y.", tuple(points))
        page, _ = _page(
            {"all": _families(found)},
            common={"container_": labels},
            media_type=media_type,
            registry=registry,
        )
        return [line for line in page.split("\n") if "container_x" in line]

    registry = Registry()
    for points, labels in pages:
        assert lines(registry, points, labels) == lines(Registry(), points, labels)


@pytest.mark.parametrize("media_type", [TEXT, OPENMETRICS])
def test_a_failing_collector_costs_only_its_own(media_type: str) -> None:
    """What it had already yielded is dropped too; every other page and figure stays."""
    page, _ = _page({"good": _families(FAILCNT), "bad": _broken, "more": _families(SEEN)},
                    media_type=media_type)  # fmt: skip
    assert "container_memory_failcnt 3.0" in page
    assert "container_last_seen 7.0" in page
    assert "container_half" not in page
    assert 'selfinspect_collector_success{collector="good"} 1.0' in page
    assert 'selfinspect_collector_success{collector="bad"} 0.0' in page


def test_a_failing_collector_is_reported_once_for_each_reason() -> None:
    """Not at every scrape, nor for each server that scrapes with a patience of its own."""
    reported: list[tuple[list[str], str]] = []
    registry = Registry(on_failure=lambda names, error: reported.append((list(names), repr(error))))

    def scrape(**failing: str) -> list[tuple[list[str], str]]:
        def collector(name: str) -> Iterable[Family]:
            if name in failing:
                raise ValueError(failing[name])
            return ()

        _page({name: partial(collector, name) for name in ("cpu", "io")}, registry=registry)
        found, reported[:] = reported[:], []
        return found

    assert scrape() == []
    assert scrape(cpu="odd") == [(["cpu"], "ValueError('odd')")]
    assert scrape(cpu="odd") == []
    assert scrape(cpu="even") == [(["cpu"], "ValueError('even')")]
    assert scrape(cpu="odd") == scrape() == scrape(cpu="even") == []


def test_collectors_that_fail_for_one_reason_are_reported_together() -> None:
    """An engine that is lost takes ten of them with it."""
    reported: list[tuple[list[str], str]] = []
    registry = Registry(on_failure=lambda names, error: reported.append((list(names), str(error))))
    _page({"cpu": _broken, "good": _families(), "io": _broken}, registry=registry)
    assert reported == [(["cpu", "io"], "broken")]


def test_each_collector_is_timed() -> None:
    """A failing one as well."""
    page, _ = _page({"good": _families(), "bad": _broken})
    timed = _samples(page)["selfinspect_collector_duration_seconds"]
    assert {sample.labels["collector"] for sample in timed} == {"good", "bad"}
    assert all(sample.value >= 0 for sample in timed)


def test_a_family_without_points_is_not_mentioned() -> None:
    """No HELP, no TYPE, nothing."""
    empty = Family("container_memory_swap", "gauge", "Swap.", ())
    page, _ = _page({"all": _families(empty)})
    assert "container_memory_swap" not in page


@pytest.mark.parametrize("media_type", [TEXT, OPENMETRICS])
def test_odd_characters_stay_what_they_are(media_type: str) -> None:
    """Whatever a container or an image is called, the page is valid and says so exactly."""
    family = Family("container_x", "gauge", "X.", (Point(1, {"name": ODD, "image": ""}),))
    page, _ = _page({"all": _families(family)}, media_type=media_type)
    parse = open_metrics if media_type == OPENMETRICS else plain_text
    (sample,) = (
        sample for one in parse(page) for sample in one.samples if sample.name == "container_x"
    )
    assert sample.labels == {"name": ODD, "image": ""}


def test_what_utf_8_cannot_say_costs_nobody_the_page() -> None:
    """An engine's JSON may hold half of a surrogate pair, in a label or a name."""
    family = Family("container_x", "gauge", "X.", (Point(1, {"device": "a\ud800"}),))
    page, _ = _page({"all": _families(family)}, common={"container_": {"name": "b\udfff"}})
    assert _samples(page)["container_x"][0].labels == {"name": "b?", "device": "a?"}


def test_openmetrics_for_who_asks_for_it() -> None:
    """The page ends as OpenMetrics wants it, and parses as such."""
    page, content_type = _page({"all": _families(USAGE, FAILCNT, SEEN)}, media_type=OPENMETRICS)
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert page.endswith("# EOF\n")
    assert {"container_cpu_usage_seconds", "container_last_seen"} <= {
        family.name for family in open_metrics(page)
    }


def test_the_agent_counts_what_it_does() -> None:
    """Requests by name and status with their times, events by type and action, reconnections."""
    registry = Registry()
    registry.engine_answered("inspect", 200, 0.003)
    registry.engine_answered("inspect", 0, 3.0)
    registry.event_arrived(event("rename"))
    registry.event_arrived(event("rename"))
    registry.stream_reopened()
    found = _samples(_page({}, registry=registry)[0])
    requests = {
        sample.labels["code"]: sample.value for sample in found["selfinspect_engine_requests_total"]
    }
    assert requests == {"200": 1, "0": 1}
    assert found["selfinspect_engine_request_duration_seconds_count"][0].value == 2
    assert found["selfinspect_events_total"][0].value == 2
    assert found["selfinspect_event_stream_reconnects_total"][0].value == 1


def test_no_created_series() -> None:
    """They would double what is stored, to no use."""
    registry = Registry()
    registry.event_arrived(event("rename"))
    assert "_created" not in _page({}, registry=registry, media_type=OPENMETRICS)[0]


def test_the_agent_describes_itself() -> None:
    """Its version, its process, its interpreter."""
    found = _samples(_page({})[0])
    assert found["selfinspect_build_info"][0].labels.keys() == {"version", "python"}
    assert {"process_resident_memory_bytes", "python_info"} <= found.keys()


def test_registries_are_apart() -> None:
    """Two agents in one process count for themselves."""
    one, other = Registry(), Registry()
    one.stream_reopened()
    found = _samples(_page({}, registry=other)[0])
    assert found["selfinspect_event_stream_reconnects_total"][0].value == 0
