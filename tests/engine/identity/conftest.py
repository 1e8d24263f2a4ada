from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import text
from tests.engine.conftest import Container, Engine, another_engine
from tests.support.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
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


@dataclass(frozen=True)
class Looks:
    """What `id --json` says in one container, by the way to the engine that it was given."""

    id: str
    documents: Mapping[str, Json]

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
        cidfile = self.sockets / "cid"
        cidfile.unlink(missing_ok=True)
        engines = ("off" if way == KERNEL else f"unix:///ways/{way}" for way in ways)
        commands = "; ".join(f"selfinspect id --json --engine {engine}" for engine in engines)
        printed = self.engine.docker(
            "run", "--rm", "--cidfile", cidfile, "--volume", f"{(through or self).sockets}:/ways",
            "--entrypoint", "sh", *options, self.engine.image, "-c", f"{commands}; true",
        )  # fmt: skip
        return Looks(cidfile.read_text(), dict(zip(ways, documents(printed), strict=True)))


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
