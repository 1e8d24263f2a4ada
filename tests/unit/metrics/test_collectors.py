from __future__ import annotations

from dataclasses import replace

import pytest

from selfinspect.errors import EngineUnreachableError
from selfinspect.metrics.collectors import Condition, Sources, collectors
from selfinspect.model import (
    Engine,
    EngineFailure,
    Identity,
    IdentitySummary,
    Memory,
    Sample,
    Self,
    Snapshot,
)

IDENTITY = Identity("ab" * 32, "proven", "layer")
OWN = Self(id="ab" * 32, short_id="ab" * 6, identity=IdentitySummary("proven", "layer"))
ENGINE = Engine("unix:///x.sock", "Docker", "20.10", "1.41")
SAMPLE = Sample(
    read_at="2026-11-21T12:00:00.000000000Z", source="kernel", memory=Memory(usage_bytes=5)
)
CONDITION = Condition(following=True, subscribers=2, now=1_700_000_000.0)


def _points(
    snapshot: Snapshot, sample: Sample | None, condition: Condition = CONDITION
) -> dict[str, list[float]]:
    groups = collectors(snapshot, Sources(lambda: sample), condition)
    return {
        family.name: [point.value for point in family.points]
        for collect in groups.values()
        for family in collect()
        if family.points
    }


def test_a_running_container_with_an_engine() -> None:
    """Figures, the document about ourselves and the agent's own state are all there."""
    found = _points(Snapshot(IDENTITY, self=OWN, engine=ENGINE), SAMPLE)
    assert found["container_memory_usage_bytes"] == [5]
    assert found["container_last_seen"] == [1_700_000_000]
    assert found["selfinspect_stats_source"] == [0, 1]
    assert found["selfinspect_container_info"] == [1]
    assert found["selfinspect_engine_up"] == [1]
    assert found["selfinspect_event_stream_connected"] == [1]
    assert found["selfinspect_subscribers"] == [2]


def test_without_a_sample_there_are_no_figures() -> None:
    """A container that does not run is not seen, and has no source of figures."""
    found = _points(Snapshot(IDENTITY, self=OWN), None)
    assert not any(name.startswith("container_memory") for name in found)
    assert "container_last_seen" not in found
    assert "selfinspect_stats_source" not in found


def test_without_an_identity_there_is_only_the_agent() -> None:
    """Nobody has neither specification nor state."""
    found = _points(Snapshot(Identity(None, None, None)), None, Condition(False, 0, 0.0))  # noqa: FBT003 - a record
    assert found == {
        "selfinspect_engine_up": [0],
        "selfinspect_event_stream_connected": [0],
        "selfinspect_subscribers": [0],
    }


def test_a_lost_engine_is_not_up() -> None:
    """An engine that was there and fails now is down."""
    snapshot = Snapshot(IDENTITY, self=OWN, engine=ENGINE, failure=EngineFailure("gone"))
    assert _points(snapshot, SAMPLE)["selfinspect_engine_up"] == [0]


def test_an_engine_that_denies_its_events_is_up() -> None:
    """It answers; a metric of its own says that nothing is followed."""
    denied = EngineFailure("events: the engine answered 403", denied=True)
    snapshot = Snapshot(IDENTITY, self=OWN, engine=ENGINE, failure=denied)
    found = _points(snapshot, SAMPLE, replace(CONDITION, following=False))
    assert found["selfinspect_engine_up"] == [1]
    assert found["selfinspect_event_stream_connected"] == [0]


def test_a_sample_that_cannot_be_taken_fails_its_own_groups() -> None:
    """The error comes when the group is collected, and not for the others."""

    def fail() -> Sample | None:
        raise EngineUnreachableError("gone")

    groups = collectors(Snapshot(IDENTITY, self=OWN), Sources(fail), CONDITION)
    with pytest.raises(EngineUnreachableError):
        list(groups["cpu"]())
    assert list(groups["agent"]())
    assert list(groups["state"]())
