from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import text
from selfinspect.times import SECOND, nanoseconds
from tests.engine.conftest import Container, Engine, another_engine
from tests.support.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from selfinspect.model import Json

WAYS: Mapping[str, frozenset[str]] = {
    "layer": frozenset(),
    "stamp": frozenset({"layer"}),
    "nonce": frozenset({"layer", "archive"}),
    "none": frozenset({"layer", "archive", "top"}),
}
"""The proof that is left where these are switched off, and a socket that leads so to the engine."""

KERNEL = "kernel"
"""The look at ourselves without an engine."""

IN_TIME, TRIES = 1.9, 20
OUT_OF_TIME = "the search did not finish within"


@dataclass(frozen=True)
class Looks:
    """What `id --json` says in one container, by the way to the engine that it was given.

    Attributes:
        requests: what passed on each way meanwhile.
        late: the seconds from the start of its first process to when the engine says it started.
    """

    id: str
    documents: Mapping[str, Json]
    requests: Mapping[str, Sequence[str]] = field(default_factory=dict)
    late: float = 0.0

    def wrong(self) -> dict[str, str]:
        """The answers that are neither this container's ID nor a refusal with its reason."""
        return {
            way: f"{text(document, 'id')} {text(document, 'reason')}"
            for way, document in self.documents.items()
            if text(document, "id") != self.id
            and (text(document, "id") or not text(document, "reason"))
        }

    def levels(self) -> dict[str, str | None]:
        return {way: text(document, "level") for way, document in self.documents.items()}

    def methods(self) -> dict[str, str | None]:
        return {way: text(document, "method") for way, document in self.documents.items()}

    def in_time(self) -> bool:
        """Whether the machine was quick enough for layer and stamp to count, and for a search.

        Two seconds after its first process a container has started at another time.
        """
        reasons = (text(document, "reason") or "" for document in self.documents.values())
        return self.late < IN_TIME and not any(OUT_OF_TIME in reason for reason in reasons)


@dataclass(frozen=True)
class Bench:
    """An engine, and what it takes to be mistaken.

    Attributes:
        neighbour: whom to be mistaken for.
        keeper: a container that never runs and keeps a volume.
        sockets: the folder with a socket for each way to the engine.
    """

    engine: Engine
    neighbour: Container
    keeper: str
    sockets: Path
    relays: Mapping[str, Relay]

    def look(
        self,
        *options: str,
        ways: tuple[str, ...] = (*WAYS, KERNEL),
        through: Bench | None = None,
    ) -> Looks:
        """Let one new container look at itself in each of these ways.

        Args:
            options: of `docker run`.
            ways: to the engine.
            through: the bench whose engine it is given instead of the one that starts it.
        """
        reached = through or self
        cidfile = self.sockets / "cid"
        cidfile.unlink(missing_ok=True)
        engines = ("off" if way == KERNEL else f"unix:///ways/{way}" for way in ways)
        commands = "; ".join(f"selfinspect id --json --engine {engine}" for engine in engines)
        before = {way: len(relay.requests) for way, relay in reached.relays.items()}
        printed = self.engine.docker(
            "run", "--cidfile", cidfile, "--volume", f"{reached.sockets}:/ways",
            "--entrypoint", "sh", *options, self.engine.image, "-c",
            f"cat /proc/$$/stat; {commands}; true",
        )  # fmt: skip
        identifier = cidfile.read_text()
        said = self.engine.docker("inspect", "--format", "{{.State.StartedAt}}", identifier)
        self.engine.docker("rm", "--volumes", identifier)
        stat, _, printed = printed.partition("\n")
        return Looks(
            identifier,
            dict(zip(ways, documents(printed), strict=True)),
            {way: reached.relays[way].requests[count:] for way, count in before.items()},
            nanoseconds(said) / SECOND - started(stat),
        )

    def look_in_time(self, *options: str, ways: tuple[str, ...] = (*WAYS, KERNEL)) -> Looks:
        """The same, by one container after the other until the machine was quick enough for it.

        What the others say is right or refused.
        """
        for _ in range(TRIES):
            looks = self.look(*options, ways=ways)
            if looks.in_time():
                return looks
            assert looks.wrong() == {}
        pytest.fail(f"the machine is too busy: {TRIES} containers were not in time")


def started(stat: str) -> float:
    """When a process of this machine started, in seconds since 1970, by its `/proc/PID/stat`."""
    ticks = int(stat.rpartition(")")[2].split()[19])
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def documents(printed: str) -> Iterator[Json]:
    """JSON documents that follow each other."""
    decoder = json.JSONDecoder()
    while printed := printed.lstrip():
        document, end = decoder.raw_decode(printed)
        printed = printed[end:]
        yield document


def without(proofs: frozenset[str]) -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    """What a relay does to requests and answers so that these proofs cannot succeed.

    A proxy's denial is made of the engine's own 404 for a path that it does not have.
    """

    def of_request(data: bytes) -> bytes:
        for path in sorted(proofs - {"layer"}):
            data = data.replace(f"/{path}?".encode(), b"/%s?" % (b"x" * len(path)))
        return data

    def of_answer(data: bytes) -> bytes:
        if b"text/plain" in data:
            data = data.replace(b"404 Not Found", b"403 Forbidden")
        return data.replace(b'"GraphDriver"', b'"NoLayerHere"') if "layer" in proofs else data

    return of_request, of_answer


@pytest.fixture(scope="session")
def cgroup2_engine(private_engine: Engine) -> Iterator[Engine]:
    """An engine that sees cgroup v2 alone, with the other one's images."""
    with another_engine(private_engine, "v2", "--cgroup2") as engine:
        yield engine


@pytest.fixture(scope="session")
def benches(
    private_engine: Engine,  # noqa: ARG001 they end after what a bench has on them
    cgroup2_engine: Engine,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Engine], Bench]]:
    """A bench for an engine, made once."""
    made: dict[str, Bench] = {}
    with ExitStack() as stack:

        def bench(engine: Engine) -> Bench:
            if engine.url not in made:
                made[engine.url] = make_bench(engine, tmp_path_factory.mktemp("ways"), stack)
            return made[engine.url]

        yield bench


def make_bench(engine: Engine, sockets: Path, stack: ExitStack) -> Bench:
    """A neighbour and relays, ended with the stack."""
    identifier = engine.docker(
        "run", "--detach", "--init", "--name", f"neighbour-{os.getpid()}",
        "--ipc", "shareable", engine.busybox, "sleep", "1000000",
    )  # fmt: skip
    keeper = engine.docker("create", "--volume", "/data", engine.busybox, "true")
    stack.callback(engine.docker, "rm", "--force", "--volumes", identifier, keeper)
    relays = {}
    for way, proofs in WAYS.items():
        of_request, of_answer = without(proofs)
        relay = Relay(sockets / way, engine.socket, of_request=of_request, of_answer=of_answer)
        relays[way] = stack.enter_context(relay)
        relay.path.chmod(0o666)
    sockets.chmod(0o755)
    return Bench(engine, Container(engine, identifier), keeper, sockets, relays)


@pytest.fixture(params=["v1", "v2"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine on cgroup v1, and one on v2."""
    name = {"v1": "private_engine", "v2": "cgroup2_engine"}[request.param]
    engine: Engine = request.getfixturevalue(name)
    yield engine
    engine.remove_started()


@pytest.fixture
def bench(engine: Engine, benches: Callable[[Engine], Bench]) -> Bench:
    """The bench of that engine."""
    return benches(engine)
