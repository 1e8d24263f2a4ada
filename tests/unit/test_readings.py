from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.engine.describe import without_engine
from selfinspect.masking import Masking
from selfinspect.model import Identity, Snapshot
from selfinspect.observe import Observation
from selfinspect.readings import Readings
from selfinspect.settings import Settings
from tests.canned_container import ID

if TYPE_CHECKING:
    from pathlib import Path


def test_the_labels_are_those_of_what_is_known_now(tmp_path: Path) -> None:
    """A rename is in the next scrape; nobody who scrapes sees a secret, revealed or not."""
    identity = Identity(ID, "proven", "layer", "web")
    own = replace(
        without_engine(identity, hostname=None), name="web", labels={"note": "it is hunter2222"}
    )
    known = Observation(
        Snapshot(identity, self=own), Masking(("*",), frozenset({"hunter2222"})), cgroup_path="/x"
    )
    readings = Readings(Settings(root=tmp_path, metrics_labels=("note",)), lambda: known)
    labels = {"id": "/x", "image": "", "container_label_note": "it is [masked]"}
    assert readings.labels() == readings.labels() == {**labels, "name": "web"}
    known = replace(known, snapshot=replace(known.snapshot, self=replace(own, name="other")))
    assert readings.labels() == {**labels, "name": "other"}


def test_a_label_does_not_tell_what_is_revealed_elsewhere(tmp_path: Path) -> None:
    """Who scrapes sees no value that `--reveal` opens for callers inside, under any name."""
    masking = Masking(("A_TOKEN",)).learn({"Config": {"Env": ["A_TOKEN=hunter2222"]}})
    identity = Identity(ID, "proven", "layer", "web")
    own = replace(without_engine(identity, hostname=None), labels={"note": "it is hunter2222"})
    known = Observation(Snapshot(identity, self=own), masking, cgroup_path="/x")
    readings = Readings(Settings(root=tmp_path, metrics_labels=("note",)), lambda: known)
    assert readings.labels()["container_label_note"] == "it is [masked]"
