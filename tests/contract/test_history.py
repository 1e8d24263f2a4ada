"""`/v1/history` of a running agent, below a root with the files of a cgroup."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member, sequence
from selfinspect.model import HISTORY_FIELDS
from tests.engine.conftest import until

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.contract.conftest import Listener, Serve
    from tests.support.canned_engine import CannedEngine

FIXTURE = Path(__file__).parents[1] / "fixtures" / "cgroup-v2"


@pytest.fixture
def keeping(here: tuple[str, ...], inspect: dict[str, Json], tmp_path: Path) -> tuple[str, ...]:
    """Options for an agent that reads a cgroup of version 2, and keeps its files."""
    root = tmp_path / "root"
    for name in ("sys/fs/cgroup", "proc/self/net"):
        shutil.copytree(FIXTURE / name, root / name)
    shutil.copy(FIXTURE / "proc/stat", root / "proc/stat")
    with (root / "proc/self/mountinfo").open("a") as file:
        mount = f"501 500 0:21 /docker/{inspect['Id']} /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
        file.write(mount)
    return (*here[:2], f"--journal={tmp_path}/journal")


def history(api: Listener, query: str = "") -> dict[str, Json]:
    """The document."""
    document = api.ask(f"/v1/history{query}").json
    assert isinstance(document, dict)
    assert list(document) == ["step_seconds", "fields", "samples", "runs"]
    return document


def samples(api: Listener, least: int = 1) -> list[dict[str, Json]]:
    """The samples by the names of their fields, once there are so many."""
    until(lambda: len(sequence(history(api), "samples")) >= least, f"{least} samples")
    rows = sequence(history(api), "samples")
    return [dict(zip(HISTORY_FIELDS, row, strict=True)) for row in rows if isinstance(row, list)]


def test_a_sample_appears_by_itself(
    serve: Serve, keeping: tuple[str, ...], engine: CannedEngine, tmp_path: Path
) -> None:
    """Soon after the start and without a question to the engine; rates are not known yet."""
    agent = serve(*keeping).ready()
    agent.logged("engine.followed")
    sample, *_ = samples(agent.api)
    cgroup = tmp_path / "root/sys/fs/cgroup"
    assert sample["pids"] == int((cgroup / "pids.current").read_text())
    assert sample["memory_limit_bytes"] == int((cgroup / "memory.max").read_text())
    assert isinstance(sample["memory_working_set_bytes"], int)
    assert sample["cpu_cores"] is sample["io_read_bytes_per_second"] is None
    assert engine.matching("/stats") == []
    [run] = sequence(history(agent.api), "runs")
    assert member(run, "finished_at") is None


def test_the_history_outlasts_the_agent(
    serve: Serve, keeping: tuple[str, ...], tmp_path: Path
) -> None:
    """Killed at any time, with half a line behind it, the next one shows what it has seen."""
    first = serve(*keeping).ready()
    seen, *_ = samples(first.api)
    until(lambda: len(file_of(tmp_path).read_bytes().splitlines()) > 1, "a record")
    first.stop(signal.SIGKILL)
    with file_of(tmp_path).open("ab") as file:
        file.write(b"17956")
    second = serve(*keeping).ready()
    assert samples(second.api, 2)[0] == seen


def file_of(folder: Path) -> Path:
    """The file with the history."""
    [file] = (folder / "journal").glob("*.history")
    return file


def test_a_sample_a_second_while_somebody_streams(serve: Serve, keeping: tuple[str, ...]) -> None:
    """However seldom the stream has one; with rates, since counters were read before."""
    agent = serve(*keeping).ready()
    with agent.api.open("/v1/stats/stream?interval=60") as stream:
        assert stream.readline().startswith(b":")
        found = samples(agent.api, 3)
    last = found[-1]
    assert last["cpu_cores"] == last["network_rx_bytes_per_second"] == 0
    assert sequence(history(agent.api, "?step=3600"), "samples")
    assert member(history(agent.api, "?step=3600"), "step_seconds") == 3600
    assert sequence(history(agent.api, "?until=1h"), "samples") == []


def test_there_is_none_of_another_container(
    serve: Serve, here: tuple[str, ...], inspect: dict[str, Json]
) -> None:
    """The kernel's files are not that one's."""
    agent = serve(*here, f"--target={inspect['Id']}").ready()
    reply = agent.api.ask("/v1/history")
    assert reply.status == 404
    assert b"kernel" in reply.body


def test_the_target_netns_may_be_this_container(serve: Serve, here: tuple[str, ...]) -> None:
    """With a network of its own: the page, which goes by the evidence, asks and is not refused."""
    api = serve(*here, "--target=netns").ready().api
    assert history(api)["samples"] == []


def test_a_journal_that_cannot_be_written(serve: Serve, keeping: tuple[str, ...]) -> None:
    """The history is held in memory, which is said once."""
    agent = serve(*keeping[:2], "--journal=/proc/journal").ready()
    agent.logged("history.in_memory")
    assert samples(agent.api)
