from __future__ import annotations

import shutil
import socket
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from selfinspect.agent.observe import observe
from selfinspect.agent.readings import Readings
from selfinspect.agent.state import UNRESOLVED, Observation, State
from selfinspect.engine.inspect.describe import without_engine
from selfinspect.errors import EngineUnsupportedError, NotFoundError
from selfinspect.jsonread import mapping
from selfinspect.masking import Masking
from selfinspect.metrics.collectors import Condition
from selfinspect.model import Compose, Identity, Limits, Snapshot
from selfinspect.settings import Settings
from tests.support.canned_container import ID

FIXTURES = Path(__file__).parents[2] / "fixtures"

CONDITION = Condition(following=False, subscribers=0, now=1.0)


@pytest.fixture(autouse=True)
def _links_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has, a bridge of an engine's among it."""
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "none0")])


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


def _limited(root: Path) -> tuple[State, Readings, list[Limits | None]]:
    """A container without an engine, and its limits after each change."""
    settings = Settings(engine="off", root=root)
    state = State(observe(settings, {}))
    shown: list[Limits | None] = []
    state.subscribe(
        lambda: shown.append(state.snapshot.self.limits if state.snapshot.self else None)
    )
    return state, Readings(settings, state), shown


def test_without_an_engine_the_kernels_limits_are_followed(tmp_path: Path) -> None:
    """`docker update` writes the kernel's files; only what changed is a change to who waits."""
    root = shutil.copytree(FIXTURES / "cgroup-v2", tmp_path / "root", symlinks=True)
    _, unchanged, shown = _limited(root)
    unchanged.update_limits()
    assert shown == []
    _, readings, shown = _limited(root)
    (root / "sys/fs/cgroup/cpu.max").write_text("150000 100000\n")
    (root / "sys/fs/cgroup/memory.max").write_text("max\n")
    readings.update_limits()
    assert shown == [Limits(cpus=1.5, memory_bytes=None, pids=64)]


def test_the_kernels_limits_are_read_once_a_second_at_most(tmp_path: Path) -> None:
    """However many ask."""
    root = shutil.copytree(FIXTURES / "cgroup-v2", tmp_path / "root", symlinks=True)
    _, readings, shown = _limited(root)
    begun = time.monotonic()
    for tasks in range(1, 100):
        (root / "sys/fs/cgroup/pids.max").write_text(f"{tasks}\n")
        readings.update_limits()
    assert 1 <= len(shown) <= 1 + (time.monotonic() - begun)


def test_where_an_engine_has_said_the_limits_they_stay() -> None:
    """Its inspect says more than the kernel's files, and its events when it changes."""
    state, readings, shown = _limited(FIXTURES / "cgroup-v2")
    own = state.snapshot.self
    assert own is not None
    said = replace(own, limits=Limits(cpus=2.0))
    state.change(lambda last: replace(last, snapshot=replace(last.snapshot, self=said, inspect={})))
    readings.update_limits()
    assert shown == [Limits(cpus=2.0)]


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


def test_where_the_engine_gives_no_cgroups_there_are_no_figures_but_the_networks() -> None:
    """What lies there is of whoever started the engine, and so is what the engine says."""
    observation = Observation(
        Snapshot(Identity(ID, "proven", "layer")), Masking(), own_network=True, has_cgroup=False
    )
    readings = Readings(Settings(root=FIXTURES / "cgroup-v2"), State(observation))
    for sample in (readings.sample(), readings.sample("kernel"), readings.of_kernel()):
        assert sample is not None
        assert sample.network
        assert (sample.memory.usage_bytes, sample.cpu.usage_seconds) == (None, None)
        assert (sample.io, sample.pids.current) == (None, None)
    with pytest.raises(EngineUnsupportedError, match="no cgroups"):
        readings.sample("engine")


def test_figures_follow_what_the_engine_says_of_cgroups_now() -> None:
    """One answer of `/info` without cgroups hides them; the next one with them shows them again."""
    snapshot = Snapshot(Identity(ID, "proven", "layer"))
    state = State(Observation(snapshot, Masking(), has_cgroup=False))
    readings = Readings(Settings(root=FIXTURES / "cgroup-v2"), state)
    assert readings.of_kernel().memory.usage_bytes is None
    for has_cgroup in (True, None):
        state.change(partial(replace, has_cgroup=has_cgroup))
        assert readings.of_kernel().memory.usage_bytes == 32808960


def test_a_rootless_container_without_a_cgroup_and_an_engine_has_figures_of_its_network(
    tmp_path: Path,
) -> None:
    """So the agent becomes ready."""
    root = shutil.copytree(FIXTURES / "cgroup-v1", tmp_path / "root", symlinks=True)
    (root / "proc/self/uid_map").write_text("0 1000 1\n1 100000 65536\n")
    (root / "proc/self/cgroup").write_text("4:memory:/user.slice/session-1.scope\n")
    (root / "proc/self/ns").mkdir(exist_ok=True)
    (root / "proc/self/ns/cgroup").unlink(missing_ok=True)
    (root / "proc/self/ns/cgroup").symlink_to("cgroup:[4026531835]")
    readings = Readings(
        Settings(root=root),
        State(Observation(Snapshot(Identity(ID, "assumed", "kernel")), Masking())),
    )
    sample = readings.sample()
    assert sample is not None
    assert sample.network
    assert sample.memory.usage_bytes is None


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


def test_the_kernels_processes_are_listed_with_their_secrets_masked(tmp_path: Path) -> None:
    """Those of the container's own cgroup; an unknown figure is empty."""
    for name in ("sys", "proc"):
        shutil.copytree(FIXTURES / "cgroup-v2" / name, tmp_path / name, symlinks=True)
    (tmp_path / "sys/fs/cgroup/cgroup.procs").write_text("7\n")
    process = tmp_path / "proc/7"
    process.mkdir()
    (process / "stat").write_text(f"7 (app) S 1 {'0 ' * 9}100 50 {'0 ' * 9}\n")
    (process / "cmdline").write_bytes(b"app\0--password\0hunter2222\0")
    readings = Readings(
        Settings(root=tmp_path), State(Observation(Snapshot(UNRESOLVED), Masking()))
    )
    assert readings.processes() == {
        "titles": ["PID", "PPID", "UID", "S", "RSS", "SWAP", "TIME", "COMMAND"],
        "processes": [["7", "1", "", "S", "", "", "1.50", "app --password [masked]"]],
    }


def test_commands_that_are_not_whole_are_counted(tmp_path: Path) -> None:
    """Whoever reads the list sees that something was left out."""
    for name in ("sys", "proc"):
        shutil.copytree(FIXTURES / "cgroup-v2" / name, tmp_path / name, symlinks=True)
    (tmp_path / "sys/fs/cgroup/cgroup.procs").write_text("7\n")
    (tmp_path / "proc/7").mkdir()
    (tmp_path / "proc/7/stat").write_text(f"7 (app) S 1 {'0 ' * 20}\n")
    (tmp_path / "proc/7/cmdline").write_bytes(b"app\0" + b"x" * 40_000)
    readings = Readings(
        Settings(root=tmp_path), State(Observation(Snapshot(UNRESOLVED), Masking()))
    )
    assert mapping(readings.processes())["truncated"] == {"commands": 1}


def test_the_kernels_processes_are_not_those_of_another_container() -> None:
    """The container that a target names has a cgroup of its own."""
    settings = Settings(root=FIXTURES / "cgroup-v2", target="db")
    readings = Readings(settings, State(Observation(Snapshot(UNRESOLVED), Masking())))
    with pytest.raises(NotFoundError):
        readings.processes()


def test_where_the_engine_gives_no_cgroups_no_processes_are_listed(tmp_path: Path) -> None:
    """Those of the cgroup that lies there are of whoever started the engine, be it asked first."""
    root = shutil.copytree(FIXTURES / "cgroup-v2", tmp_path / "root", symlinks=True)
    (root / "sys/fs/cgroup/cgroup.procs").write_text("7\n")
    (root / "proc/7").mkdir()
    (root / "proc/7/stat").write_text(f"7 (sshd) S 1 {'0 ' * 20}\n")
    snapshot = Snapshot(Identity(ID, "proven", "layer"))
    observation = Observation(snapshot, Masking(), has_cgroup=False)
    with pytest.raises(NotFoundError):
        Readings(Settings(root=root), State(observation)).processes()


@pytest.mark.parametrize(
    ("settings", "wait"),
    [
        (Settings(), False),
        (Settings(stats_source="kernel"), False),
        (Settings(stats_source="engine"), True),
        (Settings(target=ID), True),
    ],
)
@pytest.mark.parametrize("version", ["cgroup-v1", "cgroup-v2"])
def test_figures_of_an_engine_may_have_to_be_waited_for(
    version: str, settings: Settings, *, wait: bool
) -> None:
    """Those of the kernel's files are there at once."""
    state = State(Observation(Snapshot(UNRESOLVED), Masking()))
    assert Readings(replace(settings, root=FIXTURES / version), state).wait is wait


@pytest.mark.parametrize(
    ("change", "wait"),
    [
        (("overlay overlay", "overlay overlay"), False),
        (("- overlay", "- fuse.fuse-overlayfs"), True),
    ],
)
def test_a_file_servers_figures_may_have_to_be_waited_for(
    tmp_path: Path, change: tuple[str, str], *, wait: bool
) -> None:
    """So those of a program are, such as the one behind FUSE."""
    root = shutil.copytree(FIXTURES / "cgroup-v2", tmp_path / "root", symlinks=True)
    mounts = root / "proc/self/mountinfo"
    mounts.write_text(mounts.read_text().replace(*change))
    state = State(Observation(Snapshot(UNRESOLVED), Masking()))
    assert Readings(Settings(root=root), state).wait is wait


def test_without_a_cgroup_to_read_figures_may_have_to_be_waited_for(tmp_path: Path) -> None:
    """An engine is asked then."""
    assert Readings(
        Settings(root=tmp_path), State(Observation(Snapshot(UNRESOLVED), Masking()))
    ).wait
