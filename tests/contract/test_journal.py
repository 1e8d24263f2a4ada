"""Events on disk and to many: what a reader was shown stays, and no reader waits for another."""

from __future__ import annotations

import json
import os
import re
import resource
import selectors
import signal
import stat
import threading
import time
from collections import Counter
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import pytest

from selfinspect.journal.journal import Journal
from tests.support.occurrences import occurrence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selfinspect.model import Json
    from tests.contract.conftest import Agent, Listener, Serve
    from tests.support.canned_engine import CannedEngine

ID = "7badd33650b90e2d3003590fc6629ed48dba2d0b1541a2c7ae760d252d3b182d"
PATIENCE = 60.0


class Shown(NamedTuple):
    """An event as a reader has it."""

    cursor: str
    seq: int
    mark: Json


def mark(engine: CannedEngine, name: str) -> None:
    """Let something happen that changes nothing, and that is told from all else."""
    engine.emit(
        {
            "Type": "container",
            "Action": "exec_die",
            "Actor": {"ID": ID, "Attributes": {"name": "web", "execID": name}},
            "timeNano": time.time_ns(),
        }
    )


def marked(stream: Iterator[dict[str, str]], name: str) -> Iterator[Shown]:
    """The marks of a stream, up to and with the one of this name."""
    for frame in stream:
        if frame.get("event") != "exec_die":
            continue
        event = json.loads(frame["data"])
        yield Shown(frame["id"], event["seq"], event["attributes"]["exec_id"])
        if event["attributes"]["exec_id"] == name:
            return


def seen(api: Listener, name: str, after: str | None = None) -> list[Shown]:
    """The marks that a new reader is shown up to this one, which is waited for."""
    with api.stream("/v1/events/stream", Last_Event_ID=after or "beef-0") as stream:
        return list(marked(iter(stream.frame, {}), name))


def events(api: Listener, query: str = "") -> list[dict[str, Json]]:
    """What the list holds."""
    page = json.loads(api.text(f"/v1/events?limit=1000{query}"))
    return [event for event in page["events"] if event["type"] != "agent"]


@pytest.fixture
def keeping(here: tuple[str, ...], tmp_path: Path) -> tuple[str, ...]:
    """Options for an agent that keeps its journal where the next one finds it."""
    return (*here, f"--journal={tmp_path}/journal")


def test_events_survive_the_agent(
    serve: Serve, keeping: tuple[str, ...], engine: CannedEngine, tmp_path: Path
) -> None:
    """Killed and started again it goes on with the same cursors and the next number."""
    first = serve(*keeping).ready()
    engine.wait_for_streams()
    for name in "abc":
        mark(engine, name)
    shown = seen(first.api, "c")
    before = events(first.api)
    first.stop(signal.SIGKILL)
    second = serve(*keeping).ready()
    engine.wait_for_streams()
    mark(engine, "d")
    following = seen(second.api, "d", shown[0].cursor)
    assert [one.mark for one in following] == ["b", "c", "d"]
    assert following[:2] == shown[1:]
    after = events(second.api)
    assert after[: len(before)] == before
    assert [event["seq"] for event in after] == list(range(1, len(after) + 1))
    [file] = (tmp_path / "journal").glob("*.db")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_journal_named_by_the_id_is_gone_on_with(
    serve: Serve, keeping: tuple[str, ...], engine: CannedEngine, tmp_path: Path
) -> None:
    """An earlier version named it so; no event is lost, and none has another number."""
    earlier = Journal(100)
    earlier.open(tmp_path / "journal", ID)
    earlier.append(*(occurrence(number) for number in (1, 2, 3)))
    earlier.close()
    agent = serve(*keeping).ready()
    engine.wait_for_streams()
    mark(engine, "a")
    seen(agent.api, "a")
    held = events(agent.api)
    assert [event["attributes"] for event in held[:3]] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [event["seq"] for event in held[:3]] == [1, 2, 3]
    assert [path.name for path in (tmp_path / "journal").iterdir() if ID in path.name] == []


def test_a_second_agent_keeps_its_hands_off(
    serve: Serve, keeping: tuple[str, ...], engine: CannedEngine, tmp_path: Path
) -> None:
    """It says whose journal it is, and serves from memory."""
    first = serve(*keeping).ready()
    engine.wait_for_streams()
    second = serve(*keeping, f"--listen=unix://{tmp_path}/second.sock", listen=False).ready()
    line = second.logged("journal.busy", level="warning")
    [file] = (tmp_path / "journal").glob("*.db")
    assert line["file"] == str(file)
    engine.wait_for_streams(4)
    mark(engine, "a")
    assert seen(first.api, "a")[-1].mark == seen(second.api, "a")[-1].mark
    assert [line for line in first.log if "journal" in str(line["event"])] == []


def test_what_is_no_journal_is_set_aside(
    serve: Serve, keeping: tuple[str, ...], engine: CannedEngine, tmp_path: Path
) -> None:
    """Its new name stands in the log, and a new journal is begun."""
    serve(*keeping).ready().stop()
    [file] = (tmp_path / "journal").glob("*.db")
    file.write_bytes(b"junk" * 1000)
    agent = serve(*keeping).ready()
    aside = str(agent.logged("journal.set_aside", level="warning")["file"])
    assert Path(aside).read_bytes() == b"junk" * 1000
    engine.wait_for_streams()
    mark(engine, "a")
    assert seen(agent.api, "a")


def test_where_nothing_can_be_written_events_are_held_in_memory(
    serve: Serve, here: tuple[str, ...], engine: CannedEngine
) -> None:
    """It is said once, with what would help."""
    agent = serve(*here, "--journal=/proc/none").ready()
    assert agent.logged("journal.in_memory", level="warning")["hint"]
    engine.wait_for_streams()
    engine.cut_streams()
    engine.wait_for_streams()
    mark(engine, "a")
    assert seen(agent.api, "a")
    assert [line["event"] for line in agent.log].count("journal.in_memory") == 1


def test_a_disk_that_fills_loses_nothing_while_the_agent_lives(
    serve: Serve, keeping: tuple[str, ...], engine: CannedEngine, tmp_path: Path
) -> None:
    """Order and cursors go on in memory, which is said once."""
    agent = serve(*keeping).ready()
    engine.wait_for_streams()
    mark(engine, "first")
    shown = seen(agent.api, "first")
    size = sum(path.stat().st_size for path in (tmp_path / "journal").glob("*-wal"))
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (size + 20_000, size + 20_000))
    for number in range(100):
        mark(engine, str(number))
    shown += seen(agent.api, "99", shown[0].cursor)
    agent.logged("journal.in_memory", level="warning")
    assert [one.mark for one in shown] == ["first", *map(str, range(100))]
    assert [one.seq for one in shown] == list(range(shown[0].seq, shown[0].seq + 101))
    for one, following in pairwise(shown):
        next_, *_ = [*events(agent.api, f"&after={one.cursor}"), {}]
        assert next_["cursor"] == following.cursor
    assert [line["event"] for line in agent.log].count("journal.in_memory") == 1


def test_a_reader_is_not_let_go_for_what_came_at_once(
    serve: Serve, keeping: tuple[str, ...], engine: CannedEngine
) -> None:
    """More than may wait for a slow one, from an engine whose agent had no turn meanwhile."""
    agent = serve(*keeping).ready()
    engine.wait_for_streams()
    names = [f"m{number}" for number in range(600)]

    def happen() -> None:
        for name in names:
            mark(engine, name)

    with agent.api.stream("/v1/events/stream") as stream:
        frames = iter(stream.frame, {})
        mark(engine, "begin")
        assert [one.mark for one in marked(frames, "begin")] == ["begin"]
        happening = threading.Thread(target=happen)
        agent.process.send_signal(signal.SIGSTOP)
        happening.start()
        happening.join(1.0)  # until the connection takes no more
        agent.process.send_signal(signal.SIGCONT)
        assert [one.mark for one in marked(frames, names[-1])] == names
        happening.join()


class Crowd:
    """Many readers of one agent's events, read by one thread.

    Attributes:
        arrived: how many of them have each mark.
    """

    def __init__(self, api: Listener, size: int) -> None:
        self.size = size
        self.arrived: Counter[str] = Counter()
        self._grown = threading.Condition()
        self._readers = selectors.DefaultSelector()
        self._connections = ExitStack()
        self._ended = False
        request = b"GET /v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for _ in range(size):
            connection = self._connections.enter_context(api.connect())
            connection.sendall(request)
            # The greeting: from here on this reader misses nothing.
            while b": selfinspect events" not in connection.recv(65_536):
                pass
            self._readers.register(connection, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()
        self._readers.close()
        self._connections.close()

    def have(self, name: str) -> None:
        """Wait until each reader has a mark."""
        with self._grown:
            arrived = self._grown.wait_for(lambda: self.arrived[name] == self.size, PATIENCE)
            assert arrived, self.arrived[name]

    def _read(self) -> None:
        while not self._ended:
            for key, _ in self._readers.select(0.1):
                data = os.read(key.fd, 65_536)
                with self._grown:
                    self.arrived.update(map(bytes.decode, re.findall(rb'"exec_id":"(\w+)"', data)))
                    self._grown.notify_all()


def _anonymous_kibibytes(agent: Agent) -> int:
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    return int(re.findall(r"RssAnon:\s+(\d+)", status)[0])


def test_a_reader_that_falls_behind_is_let_go_and_nobody_waits_for_it(
    serve: Serve, keeping: tuple[str, ...], engine: CannedEngine
) -> None:
    """199 others have each event meanwhile; it resumes where it was let go."""
    agent = serve(*keeping).ready()
    agent.logged("engine.followed")
    names = [f"m{number}" for number in range(1000)]
    shown: list[str] = []
    with (
        agent.api.stream("/v1/events/stream") as behind,
        agent.api.stream("/v1/events/stream") as abreast,
    ):

        def happen(some: Sequence[str], have: Callable[[str], object]) -> None:
            for first in range(0, len(some), 20):
                for name in some[first : first + 20]:
                    mark(engine, name)
                have(name)
                # Who takes nothing at all of an answer is hung up on before long.
                shown.append(behind.frame()["id"])

        def seen_abreast(name: str) -> None:
            assert [*marked(iter(abreast.frame, {}), name)][-1].mark == name

        happen(names[:300], seen_abreast)
        with Crowd(agent.api, 199) as crowd:
            before = _anonymous_kibibytes(agent)
            happen(names[300:400], crowd.have)
            assert _anonymous_kibibytes(agent) - before < 8 * 1024
        happen(names[400:], seen_abreast)
        *passed, last = iter(behind.frame, {})
        shown += [frame["id"] for frame in passed]
        assert 256 <= len(shown) < len(names)
        assert last[""].startswith("too slow")
    rest = seen(agent.api, names[-1], shown[-1])
    assert [one.mark for one in rest] == names[len(shown) :]
