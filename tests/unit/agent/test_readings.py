from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from selfinspect.agent.readings import Readings
from selfinspect.agent.state import UNRESOLVED, Observation, State
from selfinspect.engine.inspect.describe import without_engine
from selfinspect.masking import Masking
from selfinspect.metrics.collectors import Condition
from selfinspect.model import Compose, Identity, Snapshot
from selfinspect.settings import Settings
from tests.support.canned_container import ID

FIXTURES = Path(__file__).parents[2] / "fixtures"

CONDITION = Condition(following=False, subscribers=0, now=1.0)


def test_the_labels_are_those_of_the_present_state(tmp_path: Path) -> None:
    """A rename is in the next scrape; nobody who scrapes sees a secret, revealed or not."""
    identity = Identity(ID, "proven", "layer", "web")
    own = replace(
        without_engine(identity, hostname=None), name="web", labels={"note": "it is hunter2222"}
    )
    observation = Observation(
        Snapshot(identity, self=own), Masking(("*",), frozenset({"hunter2222"})), cgroup_path="/x"
    )
    state = State(observation)
    readings = Readings(Settings(root=tmp_path, metrics_labels=("note",)), state)
    labels = {"id": "/x", "image": "", "container_label_note": "it is [masked]"}
    assert readings.collectors(CONDITION)[1] == {**labels, "name": "web"}
    assert readings.collectors(CONDITION)[1] == {**labels, "name": "web"}
    renamed = replace(observation.snapshot, self=replace(own, name="other"))
    state.change(lambda last: replace(last, snapshot=renamed))
    assert readings.collectors(CONDITION)[1] == {**labels, "name": "other"}


def test_a_label_hides_what_is_revealed_elsewhere(tmp_path: Path) -> None:
    """Who scrapes sees no value that `--reveal` opens for callers inside, under any name."""
    masking = Masking(("A_TOKEN",)).learn({"Config": {"Env": ["A_TOKEN=hunter2222"]}})
    identity = Identity(ID, "proven", "layer", "web")
    own = replace(without_engine(identity, hostname=None), labels={"note": "it is hunter2222"})
    observation = Observation(Snapshot(identity, self=own), masking, cgroup_path="/x")
    readings = Readings(Settings(root=tmp_path, metrics_labels=("note",)), State(observation))
    assert readings.collectors(CONDITION)[1]["container_label_note"] == "it is [masked]"


def families(observation: Observation, root: Path) -> set[str]:
    """The names of what is collected of a container."""
    groups, _ = Readings(Settings(root=root), State(observation)).collectors(CONDITION)
    return {each.name for collect in groups.values() for each in collect() if each.points}


def test_there_are_no_figures_before_the_identity_is_settled() -> None:
    """Without its labels they would be another container's, which then seems to be gone."""
    observation = Observation(Snapshot(UNRESOLVED), Masking())
    found = families(observation, FIXTURES / "cgroup-v1")
    assert not any(name.startswith("container_") for name in found)


def test_a_refused_identity_has_figures_and_what_the_kernel_says_of_limits() -> None:
    """Once it is refused, the container's figures come without labels."""
    refused = Identity(None, None, None, reason="no evidence")
    observation = Observation(Snapshot(refused), Masking())
    found = families(observation, FIXTURES / "cgroup-v1")
    assert {"container_last_seen", "container_memory_rss", "container_spec_cpu_quota"} <= found


def test_the_machine_is_reported_only_where_that_is_wanted() -> None:
    """From the kernel where no engine says more."""
    observation = Observation(Snapshot(Identity(None, None, None)), Masking())
    root = FIXTURES / "cgroup-v1"
    groups, _ = Readings(Settings(root=root), State(observation)).collectors(CONDITION)
    assert "machine" not in groups
    groups, _ = Readings(Settings(root=root, metrics_machine=True), State(observation)).collectors(
        CONDITION
    )
    assert any(each.name == "cadvisor_version_info" for each in groups["machine"]())


def test_the_containers_own_labels_hide_what_is_revealed_elsewhere(tmp_path: Path) -> None:
    """Those of `selfinspect_container_info`, which anyone on the network may read."""
    masking = Masking(("*",)).learn({"Config": {"Env": ["A_TOKEN=hunter2222"]}})
    identity = Identity(ID, "proven", "layer", "web")
    own = replace(
        without_engine(identity, hostname=None), compose=Compose("hunter2222", None, None)
    )
    state = State(Observation(Snapshot(identity, self=own), masking))
    groups, _ = Readings(Settings(root=tmp_path, reveal=("*",)), state).collectors(CONDITION)
    [info] = [each for each in groups["state"]() if each.name == "selfinspect_container_info"]
    assert info.points[0].labels["compose_project"] == "[masked]"
