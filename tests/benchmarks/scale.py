"""Many containers with agents on one engine, beside as many without."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

from selfinspect.jsonread import integer, sequence, text
from selfinspect.times import nanoseconds
from tests.benchmarks import processes
from tests.benchmarks.agent import METRICS, SCRIPT
from tests.benchmarks.asking import VERSION, OverSocket, asked
from tests.benchmarks.figures import Point
from tests.engine.conftest import relayed
from tests.engine.prometheus import prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.engine.conftest import Engine

Kind = Literal["agents", "plain"]
KINDS: tuple[Kind, ...] = ("agents", "plain")
AT_ONCE = 8
"""Starts asked for at once."""
EVENTS_A_SECOND = 20
SETTLING = 3.0
READY_WITHIN = 900.0
APP = ("sleep", "infinity")


@dataclass(frozen=True)
class Times:
    """Seconds of each phase. A container's check runs every 60."""

    idle: float = 300
    scraped: float = 60
    storm: float = 20


QUICK = Times(idle=60, scraped=20, storm=10)


@dataclass
class Herd:
    """Containers that run.

    Attributes:
        identifiers: theirs, in the order of their start.
        inits: PID 1 of each.
        addresses: of each.
        ready: seconds from the first start until each was ready, or ran where there is no agent.
        agents: the agent's process in each.
        engine_home: the engine's folder, which marks its processes.
    """

    identifiers: list[str]
    inits: list[int]
    addresses: list[str]
    ready: list[float]
    agents: list[int]
    engine_home: Path


@dataclass(frozen=True)
class Spent:
    """CPU so far of the agents' processes and the engine's, which runs some for checks."""

    agents: Mapping[processes.Key, processes.Taken]
    engine: Mapping[processes.Key, processes.Taken]

    @classmethod
    def by(cls, herd: Herd) -> Self:
        """Now. The engine's processes are found each time, for some end and some are new."""
        return cls(
            processes.taken(herd.agents), processes.taken(processes.of_engine(herd.engine_home))
        )

    def of_agents(self, after: Self) -> dict[int, float]:
        """Milliseconds until then of each agent that lasted."""
        return {
            key.process: after.agents[key].own - taken.own
            for key, taken in self.agents.items()
            if key in after.agents
        }


@dataclass
class Received:
    """What an engine has sent to one agent."""

    content: bytearray = field(default_factory=bytearray)

    def take(self, data: bytes) -> bytes:
        self.content += data
        return data


def foreign(received: bytes | bytearray, own: str) -> int:
    """Bytes of other containers' events in what an agent got; networks, volumes, daemon aside."""
    allowed = (own.encode(), b'"Type":"network"', b'"Type":"volume"', b'"Type":"daemon"')
    return sum(
        len(line)
        for line in received.splitlines()
        if b'"timeNano":' in line and not any(each in line for each in allowed)
    )


def measured(engine: Engine, folder: Path, counts: Sequence[int], times: Times) -> Iterator[Point]:
    """Every figure for every number of containers, with agents and without."""
    for containers in counts:
        for kind in KINDS:
            home = folder / f"{containers}-{kind}"
            home.mkdir()
            received = Received()
            with relayed(engine, home, of_answer=received.take) as relay:
                herd = _started(engine, containers, kind, relay.path)
                for what, value in _figures(engine, home, herd, times):
                    yield Point(what, kind, containers, value)
            if herd.agents:
                lasting = len(processes.taken(herd.agents))
                yield Point("agents that ended", kind, containers, containers - lasting)
                value = foreign(received.content, herd.identifiers[0])
                yield Point("foreign events to an agent, bytes", kind, containers, value)
                if value:
                    asked_for = [each for each in relay.requests if "/events" in each]
                    print("of the answers to", *asked_for, sep="\n  ", file=sys.stderr)
            engine.remove_started()


def _figures(engine: Engine, home: Path, herd: Herd, times: Times) -> Iterator[tuple[str, float]]:
    yield "first start to the last ready, s", max(herd.ready)
    time.sleep(SETTLING)
    begun = time.time_ns()
    yield from _phase(herd, "idle", times.idle)
    codes = _checks(engine, herd, begun, time.time_ns())
    yield "idle: health checks", len(codes)
    if herd.agents:
        yield "idle: health checks that failed", sum(map(bool, codes))
    for who, each in (("agent", herd.agents), ("its PID 1", herd.inits)) if herd.agents else ():
        memory = processes.memory_of(each)
        for name in processes.Memory._fields if memory else ():
            taken = [getattr(one, name) for one in memory]
            yield f"{who}, memory {name}, MiB", statistics.median(taken)
    yield "dockerd, memory resident, MiB", processes.memory(engine.pid).resident
    if herd.agents:
        with prometheus(engine.pid, _scraping(home, herd)):
            yield from _phase(herd, "scraped every 15 s", times.scraped)
    yield from _storm(engine, herd, times.storm)


def _phase(herd: Herd, name: str, seconds: float) -> Iterator[tuple[str, float]]:
    before = Spent.by(herd)
    time.sleep(seconds)
    yield from _shares(name, before, Spent.by(herd), seconds)


def _checks(engine: Engine, herd: Herd, begun: int, ended: int) -> list[int]:
    """The exit codes of the health checks that began between two times; an engine keeps five."""
    with contextlib.closing(OverSocket(str(engine.socket))) as connection:
        logs = [
            sequence(
                json.loads(asked(connection, f"/v{VERSION}/containers/{each}/json")),
                "State", "Health", "Log",
            )
            for each in herd.identifiers
        ]  # fmt: skip
    return [
        integer(check, "ExitCode") or 0
        for log in logs
        for check in log
        if begun <= nanoseconds(text(check, "Start") or "") < ended
    ]


def _shares(name: str, before: Spent, after: Spent, seconds: float) -> Iterator[tuple[str, float]]:
    if agents := before.of_agents(after):
        yield f"{name}: CPU an agent, ms/min", statistics.mean(agents.values()) / seconds * 60
    own, run = processes.spent(before.engine, after.engine)
    yield f"{name}: CPU of the engine, % of a core", own / seconds / 10
    yield f"{name}: CPU of runc and checks, % of a core", run / seconds / 10


def _storm(engine: Engine, herd: Herd, seconds: float) -> Iterator[tuple[str, float]]:
    """The last container is renamed again and again: an event each time, and an inspect."""
    stormed = herd.identifiers[-1]
    before, begun = Spent.by(herd), time.monotonic()
    with contextlib.closing(OverSocket(str(engine.socket))) as connection:
        for number in range(round(seconds * EVENTS_A_SECOND)):
            time.sleep(max(begun + number / EVENTS_A_SECOND - time.monotonic(), 0))
            name = f"{stormed[:12]}-{number}"
            asked(connection, f"/v{VERSION}/containers/{stormed}/rename?name={name}", "POST")
    took, after = time.monotonic() - begun, Spent.by(herd)
    name = f"{EVENTS_A_SECOND} events/s in one"
    agents = before.of_agents(after)
    if herd.agents and (in_it := agents.pop(herd.agents[-1], None)) is not None:
        yield f"{name}: CPU of its agent, ms/min", in_it / took * 60
    if agents:
        yield f"{name}: CPU of another agent, ms/min", statistics.mean(agents.values()) / took * 60
    own, _ = processes.spent(before.engine, after.engine)
    yield f"{name}: CPU of the engine, % of a core", own / took / 10


def _started(engine: Engine, containers: int, kind: Kind, relay: Path) -> Herd:
    """Containers that are ready; the first reaches the engine through a relay."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sockets = [relay, *[engine.socket] * (containers - 1)]
        identifiers = list(pool.map(lambda each: _created(engine, kind, each), sockets))
        engine.started += identifiers
        begun = time.monotonic()
        with _Waiting(engine) as waiting:

            def start(identifier: str) -> tuple[int, str, float]:
                init, address = _start(engine, identifier)
                if kind == "agents":
                    waiting.add(address)
                return init, address, time.monotonic() - begun

            inits, addresses, running = zip(*pool.map(start, identifiers), strict=True)
            ready = waiting.until_all() if kind == "agents" else {}
    return Herd(
        identifiers,
        list(inits),
        list(addresses),
        [at - begun for at in ready.values()] or list(running),
        [processes.agent_of(init) for init in inits] if kind == "agents" else [],
        engine.home,
    )


def _created(engine: Engine, kind: Kind, socket: Path) -> str:
    words = ["--volume", f"{socket}:/var/run/docker.sock", "--group-add", str(engine.group)]
    if kind == "agents":
        return engine.docker("create", *words, engine.image, "run", "--", *APP)
    # The same check, which asks where nobody listens.
    uri = "SELFINSPECT_URI=http://127.0.0.1:10310"
    return engine.docker("create", "--env", uri, "--entrypoint", APP[0], engine.image, *APP[1:])


def _start(engine: Engine, identifier: str) -> tuple[int, str]:
    """Start a container; its PID 1 and its address."""
    container = f"/v{VERSION}/containers/{identifier}"
    with contextlib.closing(OverSocket(str(engine.socket))) as connection:
        asked(connection, f"{container}/start", "POST")
        inspected = json.loads(asked(connection, f"{container}/json"))
    init = integer(inspected, "State", "Pid")
    address = text(inspected, "NetworkSettings", "Networks", "bridge", "IPAddress")
    assert init, f"{identifier} does not run"
    return init, address or ""


def _scraping(home: Path, herd: Herd) -> Path:
    targets = [f"{address}:{METRICS}" for address in herd.addresses]
    config = home / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 15s}\n"
        "scrape_configs:\n"
        f"  - {{job_name: selfinspect, static_configs: [{{targets: {json.dumps(targets)}}}]}}\n"
    )
    return config


class _Waiting:
    """Asks the agents in the engine's network whether they are ready."""

    def __init__(self, engine: Engine) -> None:
        self._program = subprocess.Popen(
            ["nsenter", "--net", "--target", str(engine.pid), sys.executable, SCRIPT, '["ready"]'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.kill()
        self._program.communicate()

    def add(self, address: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(f"{address}\n")
        self._program.stdin.flush()

    def until_all(self) -> dict[str, float]:
        """When each was ready, by its address."""
        said, _ = self._program.communicate(timeout=READY_WITHIN)
        pairs = [line.split() for line in said.splitlines() if " " in line]
        return {address: float(at) for address, at in pairs}
