"""Which container it is, given what the kernel says and what an engine answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Prober
from selfinspect.engine.inspect.listings import Process
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineUnreachableError,
    UnknownContainerError,
)
from selfinspect.identity.evidence import Evidence
from selfinspect.identity.mounts import Root
from selfinspect.identity.proof import OwnProcess
from selfinspect.identity.resolve import Resolution, resolve
from selfinspect.model import Candidate, Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from selfinspect.model import Json, Scope, Source

A = "a1b2c3d4" * 8
B = "b0b1b2b3" * 8
C = "c0c1c2c3" * 8
LAYER_A = "1a" * 32
LAYER_B = "1b" * 32
OURS = "4026532396"
DOCKER = Engine("unix:///var/run/docker.sock", "Docker", "28.5.2", "1.51")
OWN_ROOT = Root(whole=True, overlay=True, of_init=True)
STARTED = 1_700_000_000.0
STAMP_A = 1_700_000_000_123_456_789


@dataclass
class Box:
    """A container as the engine reports it."""

    id: str
    name: str = "app"
    layer: str | None = None
    status: str = "running"
    started_at: str = "2023-11-14T22:13:20.1Z"
    pid_mode: str = ""
    network_mode: str = "bridge"
    mac: str = ""
    ip: str = ""
    stamp: str | None = None
    volumes: bool = False
    commands: list[str] = field(default_factory=lambda: ["sh"])
    pid: int = 4711
    namespace: str = "4026530000"
    copies: bool = False
    runtime: str = "runc"
    driver: str = "overlay2"
    created: int = 1_699_999_999

    def inspect(self) -> Json:
        """The engine's document about it."""
        data: Json = {"UpperDir": f"/var/lib/docker/overlay2/{self.layer}/diff"}
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "State": {"Status": self.status, "StartedAt": self.started_at, "Pid": self.pid},
            "GraphDriver": {"Name": self.driver, "Data": data if self.layer else None},
            "HostConfig": {
                "PidMode": self.pid_mode,
                "NetworkMode": self.network_mode,
                "Runtime": self.runtime,
                "Privileged": False,
            },
            "Mounts": [{"Type": "volume", "Destination": "/data"}] if self.volumes else [],
            "NetworkSettings": {
                "Networks": {"bridge": {"MacAddress": self.mac, "IPAddress": self.ip}}
            },
        }


class CannedEngine(Prober):
    """Answers what a test lays before it, and counts what it was asked.

    Attributes:
        ours: the container whose processes include ours.
        nested: we are in a container nested inside that one.
        busybox: the host's `ps` shows no namespaces.
    """

    def __init__(
        self, *boxes: Box, ours: str | None = None, comm: Path, denied: Sequence[str] = ()
    ) -> None:
        self.boxes = {box.id: box for box in boxes}
        self.ours = ours
        self.comm = comm
        self.denied = tuple(denied)
        self.asked: Counter[tuple[str, str]] = Counter()
        self.busybox = False
        self.nested = False

    def engine(self) -> Engine:
        """The machine's `ps` answers."""
        return DOCKER

    def inspect(self, container: str) -> Json:
        """A container's document."""
        return self._box("inspect", container).inspect()

    def processes(self, container: str, *, namespaces: bool) -> Sequence[Process]:
        """A container's processes, ours among them where we are in it."""
        box = self._box("top", container)
        if namespaces and self.busybox:
            raise EngineAnswerError("bad -o argument 'mntns'", code=500, capability="top")
        bears = self.comm.read_text().removesuffix("\n")
        rows = [
            Process(str(box.pid + number), command, self.namespace_of(box))
            for number, command in enumerate(box.commands)
        ]
        if box.id == self.ours:
            rows.append(Process("9998", bears, OURS))
        if box.copies:
            rows.append(Process("9999", bears, box.namespace))
        return rows if namespaces else [Process(row.pid, row.name) for row in rows]

    def namespace_of(self, box: Box) -> str:
        """That of a container's first process."""
        return OURS if box.id == self.ours and not self.nested else box.namespace

    def stamp(self, container: str, path: str) -> str | None:
        """A container's stamp."""
        assert path == "/.dockerenv"
        return self._box("archive", container).stamp

    def running(self) -> Mapping[str, int]:
        """Everybody."""
        self._count("list", "")
        return {box.id: box.created for box in self.boxes.values()}

    def _box(self, capability: str, container: str) -> Box:
        self._count(capability, container)
        for box in self.boxes.values():
            if box.id.startswith(container) or box.name == container:
                return box
        raise UnknownContainerError("No such container", code=404, capability=capability)

    def _count(self, capability: str, container: str) -> None:
        self.asked[capability, container] += 1
        if capability in self.denied:
            raise EngineDeniedError(
                f"{capability}: the engine answered 403", code=403, capability=capability
            )


@dataclass
class World:
    """We, and how to ask who we are."""

    process: OwnProcess
    comm: Path
    clock: Callable[[], float] = lambda: 0.0

    def engine(
        self, *boxes: Box, ours: str | None = None, denied: Sequence[str] = ()
    ) -> CannedEngine:
        """An engine with these containers."""
        return CannedEngine(*boxes, ours=ours, comm=self.comm, denied=denied)

    def ask(
        self,
        evidence: Evidence,
        engine: CannedEngine | None,
        *,
        claim: str | None = None,
        target: str = "self",
        place_named: bool = True,
    ) -> Resolution:
        """Resolve."""
        return resolve(
            evidence,
            engine,
            claim=claim,
            target=target,
            process=self.process,
            clock=self.clock,
            place_named=place_named,
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A process named `selfinspect` beside a PID 1 named `sh`."""
    for pid, name in (("self", "selfinspect"), ("1", "sh")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "comm").write_text(f"{name}\n")
    (tmp_path / "self/ns").mkdir()
    (tmp_path / "self/ns/mnt").symlink_to(f"mnt:[{OURS}]")
    return World(OwnProcess(tmp_path), tmp_path / "self" / "comm")


def cgroup(identifier: str) -> Candidate:
    return Candidate(identifier, "cgroup", "container", f"0::/docker/{identifier}")


def shared(
    identifier: str, source: Source = "hostname-file", scope: Scope = "network"
) -> Candidate:
    return Candidate(identifier, source, scope, f"/{identifier}/hostname on /etc/hostname")


def own(
    *candidates: Candidate,
    started_at: float | None = STARTED,
    layer: str | None = None,
    stamp: int | None = None,
) -> Evidence:
    """Evidence in a PID namespace of our own, whose PID 1 has our `/`."""
    return Evidence(
        candidates,
        started_at=started_at,
        own_pids=True,
        layer=layer,
        stamp=stamp,
        root=OWN_ROOT,
    )


def verdicts(resolution: Resolution) -> dict[str, str]:
    return {one.source: one.verdict for one in resolution.identity.candidates}


# Without an engine


def test_without_an_engine_container_scoped_evidence_is_observed(world: World) -> None:
    """The cgroup names us; the hostname names whose network we share."""
    found = world.ask(Evidence((cgroup(A), shared(B), shared(B[:12], "hostname"))), None)
    assert (found.identity.id, found.identity.level, found.identity.method) == (
        A,
        "observed",
        "kernel",
    )
    assert verdicts(found) == {
        "cgroup": "chosen",
        "hostname-file": "ignored",
        "hostname": "ignored",
    }
    assert found.inspect is None


def test_without_an_engine_network_scoped_evidence_is_assumed(world: World) -> None:
    """Files in /etc and a hostname that agree are an assumption."""
    found = world.ask(Evidence((shared(A), shared(A[:12], "hostname"))), None).identity
    assert (found.id, found.level, found.method) == (A, "assumed", "kernel")


@pytest.mark.parametrize(
    "candidates",
    [
        (),
        (shared(A[:12], "hostname"),),
        (cgroup(A), Candidate(B, "containerenv", "container", "")),
        (shared(A), shared(B[:12], "hostname")),
        (shared(A), shared(B, "cpuset", "pid")),
        (shared(A), shared(B, "shm-mount", "ipc")),
    ],
)
def test_without_an_engine_doubt_is_a_refusal(
    world: World, candidates: tuple[Candidate, ...]
) -> None:
    """Nothing, the beginning of an ID, and contradictions are no identity."""
    found = world.ask(Evidence(candidates), None).identity
    assert (found.id, found.level, found.method) == (None, None, None)
    assert found.reason is not None
    assert "--container" in found.reason
    assert all(one.id[:12] in found.reason for one in candidates)


def test_without_an_engine_a_joined_network_names_nobody(world: World) -> None:
    """Where the network is certainly another's, its evidence does not count."""
    evidence = Evidence((shared(B), shared(B[:12], "hostname")), joined=True)
    found = world.ask(evidence, None).identity
    assert found.id is None
    assert "another container's" in (found.reason or "")
    assert world.ask(evidence, None, target="netns").identity.id == B


def test_without_an_engine_a_claim_settles_a_contradiction(world: World) -> None:
    """What --container names, the evidence may name among others."""
    found = world.ask(Evidence((shared(A), shared(B, "hosts-file"))), None, claim=A[:12]).identity
    assert (found.id, found.level, found.method) == (A, "assumed", "option")


def test_without_an_engine_a_claim_against_the_cgroup_is_refused(world: World) -> None:
    """A claim does not overrule what only we have."""
    assert world.ask(Evidence((cgroup(A),)), None, claim=B).identity.id is None


def test_without_an_engine_a_name_is_not_resolved(world: World) -> None:
    """Only an engine knows names."""
    assert world.ask(Evidence(()), None, claim="app").identity.id is None


# The three proofs, each alone


def test_the_layer_proves_with_one_request(world: World) -> None:
    """An equal layer needs nothing but the inspect document, which is handed on."""
    engine = world.engine(Box(A, layer=LAYER_A), denied=("top", "archive", "list"))
    found = world.ask(own(cgroup(A), shared(A), layer=LAYER_A), engine)
    identity = found.identity
    assert (identity.id, identity.name, identity.level) == (A, "app", "proven")
    assert identity.method == "layer"
    assert found.inspect == engine.boxes[A].inspect()
    assert engine.asked == {("inspect", A): 1}
    assert verdicts(found) == {"cgroup": "proven", "hostname-file": "proven"}


def test_the_stamp_proves_alone(world: World) -> None:
    """Where there is no layer and no top, the same nanosecond is enough."""
    engine = world.engine(Box(A, stamp="2023-11-14T22:13:20.123456789Z"), denied=("top",))
    found = world.ask(own(shared(A), stamp=STAMP_A), engine).identity
    assert (found.id, found.level, found.method) == (A, "proven", "stamp")


def test_the_stamp_of_what_the_cgroup_names_proves_alone(world: World) -> None:
    """That it is another's by chance is ruled out: nobody else is asked about."""
    stamp = "2023-11-14T22:13:20.123456789Z"
    engine = world.engine(Box(A, stamp=stamp), Box(B, stamp=stamp), denied=("top", "list"))
    found = world.ask(own(cgroup(A), stamp=STAMP_A), engine).identity
    assert (found.id, found.level, found.method) == (A, "proven", "stamp")
    assert engine.asked == {("inspect", A): 1, ("archive", A): 1}


def test_a_stamp_that_came_with_the_image_proves_nothing(world: World) -> None:
    """All containers of that image have it, whenever they were made."""
    stamp = "2023-11-14T22:13:20.123456789Z"
    engine = world.engine(Box(B, stamp=stamp, created=1_700_000_100), denied=("top",))
    found = world.ask(own(shared(B), started_at=None, stamp=STAMP_A), engine).identity
    assert found.id is None


def test_the_stamp_disproves_a_neighbour(world: World) -> None:
    """Another nanosecond is another container."""
    engine = world.engine(Box(B, stamp="2023-11-14T22:13:20.123456780Z"), denied=("top",))
    found = world.ask(own(shared(B), stamp=STAMP_A), engine)
    assert found.identity.id is None
    assert verdicts(found) == {"hostname-file": "disproved"}


TWIN = "2023-11-14T22:13:20.123456789Z"


@pytest.mark.parametrize(
    ("other", "proven"),
    [
        (Box(B, stamp="2023-11-14T22:13:20.123456780Z"), True),
        (Box(B, stamp=TWIN, created=1_699_999_990), True),
        (Box(B, stamp=TWIN), False),
        (Box(B, stamp=TWIN, created=1_700_000_000), False),
        (Box(B, volumes=True), False),
        (Box(B), False),
    ],
)
def test_a_stamp_that_a_container_made_with_it_may_share_proves_nothing(
    world: World, *, other: Box, proven: bool
) -> None:
    """Two made in one tick of the clock have one stamp: those of the same second are asked."""
    engine = world.engine(Box(A, stamp=TWIN), other, denied=("top",))
    found = world.ask(own(shared(A), stamp=STAMP_A), engine).identity
    assert (found.id, found.method) == ((A, "stamp") if proven else (None, None))


def test_too_many_made_with_it_are_not_asked(world: World) -> None:
    """Nine containers of the same second: the stamp is left to others."""
    others = [Box(f"{number:064x}", stamp="2023-11-14T22:13:21.5Z") for number in range(9)]
    engine = world.engine(Box(A, stamp=TWIN), *others, denied=("top",))
    assert world.ask(own(shared(A), stamp=STAMP_A), engine).identity.id is None
    assert engine.asked["archive", A] == 1
    assert sum(engine.asked["archive", other.id] for other in others) == 0


def test_no_stamp_is_taken_of_a_container_with_volumes(world: World) -> None:
    """The engine would mount them, which is an event for each."""
    engine = world.engine(Box(A, volumes=True), ours=A)
    found = world.ask(own(shared(A), stamp=STAMP_A), engine).identity
    assert found.method == "nonce"
    assert ("archive", A) not in engine.asked


def test_a_stamp_of_whole_seconds_proves_nothing(world: World) -> None:
    """Two containers made in one second would share it."""
    engine = world.engine(Box(B, stamp="2023-11-14T22:13:20Z"), denied=("top", "list"))
    found = world.ask(own(shared(B), stamp=1_700_000_000 * 10**9), engine).identity
    assert found.id is None


def test_the_nonce_proves_alone(world: World) -> None:
    """Our name among the candidate's processes is enough, and is given back."""
    engine = world.engine(Box(A), ours=A, denied=("archive",))
    found = world.ask(own(shared(A), stamp=STAMP_A), engine).identity
    assert (found.id, found.level, found.method) == (A, "proven", "nonce")
    assert world.comm.read_text() == "selfinspect"
    assert engine.asked["top", A] == 1


def test_an_engine_that_lists_no_processes_disproves_nobody(world: World) -> None:
    """A running container has one at least, so that proves nothing."""
    engine = world.engine(Box(A, commands=[]), denied=("archive",))
    found = world.ask(own(cgroup(A)), engine).identity
    assert (found.id, found.level) == (A, "confirmed")


@pytest.mark.parametrize("failure", [EngineUnreachableError("gone"), KeyboardInterrupt()])
def test_our_name_is_given_back_whatever_happens(world: World, failure: BaseException) -> None:
    """A failure in the midst of the nonce leaves no trace, and is not swallowed."""

    class Failing(CannedEngine):
        def processes(self, container: str, *, namespaces: bool) -> Sequence[Process]:
            super().processes(container, namespaces=namespaces)
            assert self.comm.read_text().startswith("si-")
            raise failure

    with pytest.raises(type(failure)):
        world.ask(Evidence((shared(A),)), Failing(Box(A), ours=A, comm=world.comm))
    assert world.comm.read_text() == "selfinspect"


def test_each_proof_is_asked_for_once(world: World) -> None:
    """Many pieces of evidence for one container cost no more than one."""
    engine = world.engine(Box(A), Box(B), denied=("top",))
    candidates = (cgroup(A), shared(A), shared(A, "hosts-file"), shared(A[:12], "hostname"))
    found = world.ask(own(*candidates, stamp=STAMP_A), engine).identity
    assert max(engine.asked.values()) == 1
    assert all(one.reason.count("top") == 1 for one in found.candidates)


def test_a_denied_capability_is_asked_for_once(world: World) -> None:
    """A proxy that denies top for one candidate denies it for all."""
    engine = world.engine(Box(A), Box(B), denied=("top", "archive"))
    world.ask(own(shared(A), shared(B, "hosts-file"), stamp=STAMP_A), engine)
    assert sum(engine.asked["top", box] for box in (A, B)) == 1
    assert sum(engine.asked["archive", box] for box in (A, B)) == 1


def test_a_name_that_cannot_be_taken_is_no_proof(tmp_path: Path) -> None:
    """Without a writable comm the nonce is left out."""
    world = World(OwnProcess(tmp_path / "nowhere"), tmp_path / "comm")
    found = world.ask(own(cgroup(A)), world.engine(Box(A), ours=A)).identity
    assert (found.id, found.level) == (A, "confirmed")


# Never the wrong container


def test_a_shared_network_never_gives_the_neighbour(world: World) -> None:
    """Under --network container:B all of /etc names B, and the search finds us."""
    engine = world.engine(Box(B, layer=LAYER_B), Box(A, layer=LAYER_A), denied=("top",))
    evidence = own(shared(B), shared(B[:12], "hostname"), layer=LAYER_A)
    found = world.ask(evidence, engine)
    assert (found.identity.id, found.identity.method) == (A, "layer")
    assert verdicts(found) == {
        "hostname-file": "disproved",
        "hostname": "disproved",
        "search": "proven",
    }


def test_a_shared_network_is_seen_through_by_the_nonce(world: World) -> None:
    """Without a layer, start time and nonce distinguish us from our neighbour."""
    engine = world.engine(Box(B), Box(A), ours=A)
    found = world.ask(own(shared(B), started_at=STARTED), engine).identity
    assert (found.id, found.method) == (A, "nonce")


def test_a_spoofed_hostname_is_disproved(world: World) -> None:
    """--hostname with another's short ID does not make us that one."""
    engine = world.engine(Box(B, layer=LAYER_B), Box(A, layer=LAYER_A))
    evidence = own(shared(B[:12], "hostname"), shared(A), layer=LAYER_A)
    assert world.ask(evidence, engine).identity.id == A


def test_a_stale_hostname_is_unknown_to_the_engine(world: World) -> None:
    """A container made again keeps the old short ID as its hostname; that one is gone."""
    engine = world.engine(Box(A), ours=A)
    found = world.ask(own(shared(C[:12], "hostname")), engine)
    assert found.identity.id == A
    assert verdicts(found) == {"hostname": "disproved", "search": "proven"}


def test_a_name_that_looks_like_an_id_is_no_id(world: World) -> None:
    """A container named as our hostname is not us for that."""
    engine = world.engine(Box(B, name=C[:12]), denied=("top", "archive"))
    assert world.ask(own(shared(C[:12], "hostname")), engine).identity.id is None


def test_an_enclosing_container_is_not_us(world: World) -> None:
    """In Docker in Docker the outer engine lists our process under the outer container."""
    outer = Box(B, started_at="2023-11-14T22:00:00Z", commands=["dockerd", "sh"])
    engine = world.engine(outer, ours=B)
    engine.nested = True
    found = world.ask(own(shared(A), shared(B[:12], "hostname")), engine)
    assert found.identity.level in ("assumed", None)
    assert found.identity.id in (A, None)


@pytest.mark.parametrize("own_pids", [True, False])
def test_an_engine_that_does_not_know_what_only_we_have_is_not_searched(
    world: World, *, own_pids: bool
) -> None:
    """It is another's, and the verdict is the one without it."""
    outer = Box(B, commands=["dockerd"], pid_mode="" if own_pids else "host")
    engine = world.engine(outer, ours=B)
    found = world.ask(replace(own(cgroup(A), shared(B)), own_pids=own_pids), engine)
    assert (found.identity.id, found.identity.level, found.engine) == (A, "observed", "stranger")
    assert engine.asked == {("inspect", A): 1}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("own_pids", [True, False, None])
def test_the_mount_namespace_tells_nested_containers_apart(
    world: World, *, nested: bool, own_pids: bool | None
) -> None:
    """Among a container's processes, but in other mounts than its first: inside one inside it."""
    box = Box(B, commands=["dockerd"], pid_mode="" if own_pids else "host")
    engine = world.engine(box, ours=B)
    engine.nested = nested
    evidence = Evidence((shared(B), shared(A, "hosts-file")), own_pids=own_pids)
    found = world.ask(evidence, engine).identity
    assert (found.id, found.method) == ((A, "kernel") if nested else (B, "nonce"))
    assert found.level == ("assumed" if nested else "proven")


def test_containers_around_ours_are_not_tried(world: World) -> None:
    """An ID that stands before ours in a path is disproved without a proof."""
    evidence = Evidence((shared(B[:12], "hostname"),), outer=frozenset({B}))
    engine = world.engine(Box(B), ours=B)
    assert world.ask(evidence, engine).identity.id is None
    assert ("top", B[:12]) not in engine.asked
    assert ("top", B) not in engine.asked


def test_a_clock_that_jumped_does_not_hide_us(world: World) -> None:
    """A start time that differs does not count when all its processes can be seen."""
    box = Box(A, started_at="1970-01-01T00:00:09Z")
    found = world.ask(own(shared(A)), world.engine(box, ours=A)).identity
    assert (found.id, found.level) == (A, "proven")


def test_the_process_namespace_must_fit(world: World) -> None:
    """A process that shares another's PID namespace is not in a container with its own."""
    evidence = Evidence((shared(B),), own_pids=False)
    engine = world.engine(Box(B), Box(A, pid_mode=f"container:{B}"), ours=A)
    assert world.ask(evidence, engine).identity.id == A
    assert ("top", B) not in engine.asked


def test_a_container_that_ended_is_not_us(world: World) -> None:
    """An engine that knows it as exited disproves a candidate."""
    engine = world.engine(Box(A, status="exited"))
    assert world.ask(own(cgroup(A)), engine).identity.id is None


# Confirmed, or refused


def test_what_cannot_be_proven_is_confirmed_by_the_cgroup(world: World) -> None:
    """A running container that container-scoped evidence names, and no proof is allowed."""
    engine = world.engine(Box(A), Box(B), denied=("top", "archive"))
    found = world.ask(own(cgroup(A), shared(B)), engine).identity
    assert (found.id, found.level, found.method, found.name) == (A, "confirmed", "engine", "app")


def test_the_start_time_confirms_a_network_of_ones_own(world: World) -> None:
    """Nobody has joined the candidate's network, so its owner is us."""
    engine = world.engine(Box(A), Box(B, started_at="2023-01-01T00:00:00Z"), denied=("top",))
    found = world.ask(own(shared(A)), engine).identity
    assert (found.id, found.level) == (A, "confirmed")


def test_a_joined_network_confirms_nobody(world: World) -> None:
    """A sidecar that started with its app might be either."""
    engine = world.engine(Box(B), Box(A, network_mode=f"container:{B}"), denied=("top",))
    assert world.ask(own(shared(B)), engine).identity.id is None


@pytest.mark.parametrize(
    ("evidence", "denied"),
    [
        (Evidence((shared(B),)), ("top",)),
        (own(shared(B)), ("top", "list")),
        (own(shared(B), started_at=STARTED + 60), ("top",)),
        (replace(own(shared(B)), joined=True), ("top",)),
        (own(shared(A), shared(B, "hosts-file")), ("top",)),
        (own(cgroup(A), Candidate(B, "containerenv", "container", "")), ("top",)),
    ],
)
def test_what_is_neither_proven_nor_supported_is_refused(
    world: World, evidence: Evidence, denied: tuple[str, ...]
) -> None:
    """Shared evidence alone, a wrong start time and contradictions confirm nobody."""
    engine = world.engine(Box(A), Box(B), denied=denied)
    found = world.ask(evidence, engine).identity
    assert found.id is None
    assert found.reason is not None
    assert "--container" in found.reason


def test_an_engine_that_denies_inspect_leaves_the_kernels_word(world: World) -> None:
    """With nothing but ping and events allowed, the identity is observed or assumed."""
    engine = world.engine(Box(A), denied=("inspect", "top", "archive", "list"))
    assert world.ask(own(cgroup(A)), engine).identity.level == "observed"
    assert world.ask(own(shared(A)), engine).identity.level == "assumed"
    assert engine.asked.total() == 2


def test_an_engine_that_fails_leaves_the_kernels_word(world: World) -> None:
    """Without an answer what the kernel says stands."""

    class Failing(CannedEngine):
        def inspect(self, container: str) -> Json:
            super().inspect(container)
            raise EngineAnswerError("inspect: answered 500", code=500, capability="inspect")

    engine = Failing(Box(A), Box(B), ours=A, comm=world.comm)
    found = world.ask(own(cgroup(A), shared(B)), engine).identity
    assert (found.id, found.level) == (A, "observed")
    assert world.ask(own(shared(A)), engine).identity.level == "assumed"


def test_an_engine_that_is_gone_is_no_verdict(world: World) -> None:
    """A failure midway is for the caller to try again."""

    class Gone(CannedEngine):
        def inspect(self, container: str) -> Json:
            raise EngineUnreachableError(container)

    with pytest.raises(EngineUnreachableError):
        world.ask(own(cgroup(A)), Gone(comm=world.comm))


# What the layer and the stamp have to stand on


CLAIMS = ("top", "archive", "list")
OTHERS_ROOT = replace(OWN_ROOT, of_init=False)


@pytest.mark.parametrize(
    ("evidence", "box"),
    [
        (replace(own(shared(A), layer=LAYER_A), root=replace(OWN_ROOT, whole=False)), Box(A)),
        (replace(own(shared(A), layer=LAYER_A), root=OTHERS_ROOT), Box(A)),
        (replace(own(shared(A), layer=LAYER_A), root=replace(OWN_ROOT, of_init=None)), Box(A)),
        (replace(own(shared(A), layer=LAYER_A), own_pids=False), Box(A, pid_mode="host")),
        (
            replace(own(shared(A), layer=LAYER_A), own_pids=False, root=OTHERS_ROOT),
            Box(A, pid_mode="host"),
        ),
        (own(shared(A), layer=LAYER_A, started_at=STARTED + 60), Box(A)),
        (own(shared(A), layer=LAYER_A), Box(A, status="restarting")),
        (own(cgroup(B), shared(A), layer=LAYER_A), Box(A)),
    ],
    ids=[
        "a folder of the layer", "a / that PID 1 has not", "PID 1's / hidden",
        "PID 1's own / in a shared PID namespace", "no second witness there",
        "another start", "not running", "the cgroup names another that runs",
    ],
)  # fmt: skip
def test_an_equal_layer_is_not_enough(world: World, evidence: Evidence, box: Box) -> None:
    """Somebody else's process can have it at its `/`, on this machine or on a copy of it."""
    engine = world.engine(replace(box, layer=LAYER_A), Box(B), denied=CLAIMS)
    found = world.ask(evidence, engine).identity
    assert (found.level, found.method) != ("proven", "layer")


def test_in_a_shared_pid_namespace_the_cgroup_is_the_second_witness(world: World) -> None:
    """`--pid host`: the `/` is not PID 1's, and evidence besides mounts names the container."""
    evidence = replace(own(cgroup(A), layer=LAYER_A), own_pids=False, root=OTHERS_ROOT)
    engine = world.engine(Box(A, layer=LAYER_A, pid_mode="host"), denied=CLAIMS)
    assert world.ask(evidence, engine).identity.method == "layer"


def test_what_was_mounted_with_the_same_root_is_no_second_witness(world: World) -> None:
    """`nsenter --mount` brings Podman's `/run/.containerenv` with it."""
    mounted = Candidate(A, "containerenv", "container", "")
    evidence = replace(own(mounted, layer=LAYER_A), own_pids=False, root=OTHERS_ROOT)
    engine = world.engine(Box(A, layer=LAYER_A, pid_mode="host"), denied=CLAIMS)
    assert world.ask(evidence, engine).identity.level != "proven"


def test_a_neighbours_root_disproves_nobody(world: World) -> None:
    """In its merged folder our own ID, which the cgroup names, stands."""
    evidence = replace(own(cgroup(A), layer=LAYER_B, stamp=STAMP_A), root=OTHERS_ROOT)
    stamp = "2023-11-14T22:13:20.5Z"
    engine = world.engine(
        Box(A, layer=LAYER_A, stamp=stamp), Box(B, layer=LAYER_B), denied=("top",)
    )
    found = world.ask(evidence, engine).identity
    assert (found.id, found.level) == (A, "confirmed")


def test_the_start_is_also_when_our_hostname_was_written(world: World) -> None:
    """By the same clock: after a step of the clock that of PID 1 seems another."""
    evidence = replace(
        own(shared(A), layer=LAYER_A, started_at=STARTED + 600), hostname_written=(A, STARTED)
    )
    engine = world.engine(Box(A, layer=LAYER_A), denied=CLAIMS)
    assert world.ask(evidence, engine).identity.method == "layer"


def test_anothers_hostname_file_says_nothing_of_a_start(world: World) -> None:
    """It shows when the neighbour started."""
    evidence = replace(
        own(shared(B), layer=LAYER_A, started_at=STARTED + 600), hostname_written=(B, STARTED)
    )
    engine = world.engine(Box(A, layer=LAYER_A), Box(B, layer=LAYER_B), denied=("top", "archive"))
    assert world.ask(evidence, engine).identity.id is None


@pytest.mark.parametrize("status", ["exited", "running"])
def test_a_copy_of_the_machine_is_not_taken_for_it(world: World, status: str) -> None:
    """Asked about with the other machine's engine: same ID, layer and stamp, another start."""
    box = Box(
        A,
        layer=LAYER_A,
        stamp=TWIN,
        status=status,
        started_at="2022-11-14T22:13:20Z",
    )
    evidence = own(cgroup(A), shared(A), layer=LAYER_A, stamp=STAMP_A)
    for denied in ((), ("top",)):
        found = world.ask(evidence, world.engine(box, denied=denied))
        assert found.engine != "ours"
        assert found.identity.level in ("observed", None)


def test_a_stamp_in_a_folder_counts_where_folders_are_what_engines_mount(world: World) -> None:
    """btrfs, vfs and zfs: the root field shows nothing there."""
    evidence = replace(own(cgroup(A), stamp=STAMP_A), root=Root(of_init=True))
    engine = world.engine(Box(A, stamp=TWIN), denied=("top",))
    assert world.ask(evidence, engine).identity.method == "stamp"
    evidence = replace(evidence, root=Root(overlay=True, of_init=True))
    assert world.ask(evidence, engine).identity.level != "proven"


@pytest.mark.parametrize(("driver", "level"), [("overlay2", None), ("vfs", "confirmed")])
def test_a_folder_of_a_layer_speaks_against_what_is_named(
    world: World, driver: str, level: str | None
) -> None:
    """A container inside it has one as `/`, but for an engine that gives nothing else."""
    evidence = replace(own(cgroup(A)), root=Root(overlay=True, of_init=True))
    engine = world.engine(Box(A, driver=driver), denied=("top",))
    assert world.ask(evidence, engine).identity.level == level


# Names that are copied, lists that show little


def test_a_neighbour_that_copies_our_name_is_disproved(world: World) -> None:
    """And we are found, whose row is in our own mounts."""
    engine = world.engine(Box(B, copies=True), Box(A), ours=A)
    found = world.ask(own(shared(B)), engine).identity
    assert (found.id, found.method) == (A, "nonce")


def test_busybox_confirms_what_only_we_have(world: World) -> None:
    """Asked twice, once without namespaces; a start that seems another does not count then."""
    engine = world.engine(Box(A), ours=A)
    engine.busybox = True
    found = world.ask(own(cgroup(A), started_at=STARTED + 60), engine).identity
    assert (found.id, found.level) == (A, "confirmed")
    assert engine.asked["top", A] == 2


def test_busybox_proves_nothing_of_a_search(world: World) -> None:
    """One list is enough to see that no other can prove anything."""
    engine = world.engine(Box(A), *(Box(one) for one in ids(9)), ours=A)
    engine.busybox = True
    assert world.ask(own(), engine).identity.id is None
    assert sum(count for (what, _), count in engine.asked.items() if what == "top") == 2


@pytest.mark.parametrize("gvisor", [True, False])
def test_a_list_that_cannot_have_us_disproves_nobody(world: World, *, gvisor: bool) -> None:
    """GVisor is recognised by our kernel, Kata by the candidate's runtime."""
    runtime = "runc" if gvisor else "io.containerd.kata.v2"
    evidence = replace(own(cgroup(A)), gvisor=gvisor)
    found = world.ask(evidence, world.engine(Box(A, runtime=runtime))).identity
    assert (found.id, found.level) == (A, "confirmed")


def test_podmans_own_ps_in_the_image_proves_nothing(world: World) -> None:
    """Whatever namespaces it prints."""

    class Podman(CannedEngine):
        def engine(self) -> Engine:
            return Engine("unix:///run/podman/podman.sock", "Podman", "4.3.1", "1.41")

    found = world.ask(own(cgroup(A)), Podman(Box(A), ours=A, comm=world.comm)).identity
    assert (found.id, found.level) == (A, "confirmed")


# Places


def test_where_nobody_named_the_engine_only_the_nonce_counts(world: World) -> None:
    """Whoever listens there may have read layer, stamp and start in the machine's `/proc`."""
    box = Box(A, layer=LAYER_A, stamp=TWIN)
    evidence = own(cgroup(A), layer=LAYER_A, stamp=STAMP_A)
    found = world.ask(evidence, world.engine(box, ours=A), place_named=False)
    assert (found.engine, found.identity.method) == ("ours", "nonce")
    found = world.ask(evidence, world.engine(box, denied=("top",)), place_named=False)
    assert (found.engine, found.inspect) == ("unproven", None)


def test_where_nobody_named_the_engine_a_flood_of_rows_proves_nothing(world: World) -> None:
    """At most 512 are looked at."""
    box = Box(A, commands=["sh"] * 512)
    found = world.ask(own(cgroup(A)), world.engine(box, ours=A), place_named=False)
    assert found.engine == "unproven"
    assert world.ask(own(cgroup(A)), world.engine(box, ours=A)).identity.method == "nonce"


@pytest.mark.parametrize("target", ["db", "netns"])
def test_a_target_from_there_waits_until_we_are_proven(world: World, target: str) -> None:
    """Else anybody could say what the database's host port is."""
    boxes = (Box(A, network_mode=f"container:{B}"), Box(B, name="db"))
    found = world.ask(
        own(cgroup(A)), world.engine(*boxes, denied=("top",)), target=target, place_named=False
    )
    assert (found.engine, found.inspect) == ("unproven", None)
    found = world.ask(
        own(cgroup(A)), world.engine(*boxes, ours=A), target=target, place_named=False
    )
    assert (found.engine, found.identity.id) == ("ours", B)


def test_a_stranger_among_whose_containers_we_are_not(world: World) -> None:
    """Only shared evidence names us: the search shows that the engine is another's."""
    engine = world.engine(Box(B, layer=LAYER_B), Box(C, layer="1c" * 32))
    found = world.ask(own(shared(A), layer=LAYER_A), engine)
    assert (found.engine, found.identity.id, found.identity.level) == ("stranger", A, "assumed")


def test_a_proof_against_what_only_we_have_is_a_refusal(world: World) -> None:
    """The engine knows that container, and our process is not in it."""
    found = world.ask(own(cgroup(A), shared(B, "hosts-file")), world.engine(Box(A)))
    assert (found.engine, found.identity.id) == ("unproven", None)


def test_a_wrong_start_takes_nothing_away(world: World) -> None:
    """No proof can be had, and the start seems another: what the kernel says stands."""
    engine = world.engine(Box(A), denied=("top",))
    found = world.ask(own(cgroup(A), started_at=STARTED + 60), engine)
    assert (found.engine, found.identity.id, found.identity.level) == ("unproven", A, "observed")


def test_a_start_confirms_only_where_nobody_else_started_then(world: World) -> None:
    """A container with the neighbour's files in `/etc`, started beside it by Compose."""
    engine = world.engine(Box(A), Box(B), denied=("top",))
    assert world.ask(own(shared(B)), engine).identity.id is None


@pytest.mark.parametrize("started_at", ["", "0001-01-01T00:00:00Z"])
def test_without_a_start_nothing_is_confirmed_by_it(world: World, started_at: str) -> None:
    """What containers can share is all there is."""
    engine = world.engine(Box(B, started_at=started_at), denied=("top",))
    assert world.ask(own(shared(B)), engine).identity.id is None


def test_a_network_may_be_joined_by_name(world: World) -> None:
    """As some engines keep it."""
    joined = Box(A, network_mode="container:app", started_at="2023-01-01T00:00:00Z")
    engine = world.engine(Box(B, name="app"), joined, denied=("top",))
    assert world.ask(own(shared(B)), engine).identity.id is None


def test_what_may_be_around_us_is_not_confirmed(world: World) -> None:
    """Other segments follow the ID in its cgroup, or show a container nested inside."""
    engine = world.engine(Box(B), denied=("top",))
    for doubt in (
        replace(own(cgroup(B)), unsure=frozenset({B})),
        replace(own(cgroup(B)), inside="runc-web.scope"),
    ):
        assert world.ask(doubt, engine).identity.level != "confirmed"


# The search


def ids(count: int) -> list[str]:
    return [f"{number:064x}" for number in range(1, count + 1)]


def test_500_containers_are_asked_once_each(world: World) -> None:
    """At most one request for each container and proof."""
    boxes = [Box(one, started_at="2023-01-01T00:00:00Z") for one in ids(499)]
    engine = world.engine(*boxes, Box(A), ours=A)
    assert world.ask(own(), engine).identity.id == A
    assert max(engine.asked.values()) == 1
    assert engine.asked.total() == 1 + 500 + 1


def test_a_matching_address_goes_first(world: World) -> None:
    """Of many that started with us, the one with our address is asked first."""
    boxes = [Box(one) for one in ids(20)]
    engine = world.engine(*boxes, Box(A, mac="02:42:ac:11:00:05"), ours=A)
    evidence = Evidence(started_at=STARTED, own_pids=True, macs=frozenset({"02:42:ac:11:00:05"}))
    assert world.ask(evidence, engine).identity.id == A
    assert sum(count for (what, _), count in engine.asked.items() if what == "top") == 1


def test_a_matching_ip_goes_first(world: World) -> None:
    """Where MAC addresses are not reported, or are another bridge's."""
    boxes = [Box(one, ip="172.17.0.9") for one in ids(20)]
    engine = world.engine(*boxes, Box(A, ip="172.17.0.5"), ours=A)
    evidence = replace(own(), ips=frozenset({"172.17.0.5"}))
    assert world.ask(evidence, engine).identity.id == A
    assert sum(count for (what, _), count in engine.asked.items() if what == "top") == 1


def test_a_matching_start_goes_first_and_leaves_nobody_out(world: World) -> None:
    """The order decides who is asked first; who started at another time is asked, too."""
    late = [Box(one, started_at="2023-01-01T00:00:00Z") for one in ids(7)]
    engine = world.engine(*late, Box(A), ours=A)
    assert world.ask(own(), engine).identity.id == A
    assert sum(count for (what, _), count in engine.asked.items() if what == "top") == 1
    engine = world.engine(Box(A), *late, ours=late[-1].id)
    assert world.ask(own(), engine).identity.id == late[-1].id


def test_eight_nonces_are_the_most(world: World) -> None:
    """The engine's events are not flushed by a search, which says so."""
    engine = world.engine(*(Box(one) for one in ids(20)), Box(A), ours=A)
    found = world.ask(own(), engine).identity
    assert found.id is None
    assert "at most 8" in (found.reason or "")
    assert sum(count for (what, _), count in engine.asked.items() if what == "top") == 8


def test_512_containers_are_the_most(world: World) -> None:
    """Beyond that nobody is asked at all."""
    engine = world.engine(*(Box(one) for one in ids(513)))
    assert "at most 512" in (world.ask(own(), engine).identity.reason or "")
    assert engine.asked.total() == 1


def test_five_seconds_are_the_longest(world: World) -> None:
    """A slow engine ends the search with its reason."""
    ticks = iter(range(100))
    world.clock = lambda: float(next(ticks))
    engine = world.engine(*(Box(one) for one in ids(100)))
    assert "within 5 s" in (world.ask(own(), engine).identity.reason or "")
    assert engine.asked.total() == 1 + 5


# Claims and targets


def test_a_claim_is_proven_like_any_candidate(world: World) -> None:
    """--container NAME with a proof is proven."""
    found = world.ask(own(layer=LAYER_A), world.engine(Box(A, layer=LAYER_A)), claim="app")
    assert (found.identity.id, found.identity.method) == (A, "layer")
    assert verdicts(found) == {"option": "proven"}


def test_a_wrong_claim_gives_way_to_the_truth(world: World) -> None:
    """What is proven counts, not what is claimed."""
    engine = world.engine(Box(A, layer=LAYER_A), Box(B, name="other", layer=LAYER_B))
    found = world.ask(own(cgroup(A), layer=LAYER_A), engine, claim="other")
    assert found.identity.id == A
    assert verdicts(found) == {"option": "disproved", "cgroup": "proven"}


def test_a_claim_that_cannot_be_proven_is_confirmed(world: World) -> None:
    """It settles what the evidence leaves open, and only that."""
    engine = world.engine(Box(A), Box(B, name="other"), denied=("top",))
    found = world.ask(own(shared(A), shared(B, "hosts-file")), engine, claim="app").identity
    assert (found.id, found.level, found.method) == (A, "confirmed", "option")
    assert world.ask(own(cgroup(A)), engine, claim="other").identity.id is None


def test_a_target_is_confirmed_never_proven(world: World) -> None:
    """A name stands for what the engine says it does."""
    found = world.ask(own(cgroup(A)), world.engine(Box(A), Box(B, name="db")), target="db")
    assert (found.identity.id, found.identity.name) == (B, "db")
    assert (found.identity.level, found.identity.method) == ("confirmed", "engine")


def test_an_unknown_target_is_nobody(world: World) -> None:
    """Neither an unknown name nor a missing engine gives another container."""
    assert world.ask(own(cgroup(A)), world.engine(Box(A)), target="db").identity.id is None
    assert world.ask(own(cgroup(A)), None, target="db").identity.id is None


def test_netns_is_the_owner_of_our_network(world: World) -> None:
    """A sidecar reports on the container whose network it joined."""
    boxes = (Box(A, layer=LAYER_A, network_mode=f"container:{B}"), Box(B, name="db", layer=LAYER_B))
    evidence = own(shared(B), layer=LAYER_A)
    found = world.ask(evidence, world.engine(*boxes), target="netns").identity
    assert (found.id, found.name, found.level) == (B, "db", "confirmed")


def test_netns_of_ones_own_network_is_oneself(world: World) -> None:
    """Who joined nobody shares nobody's network."""
    engine = world.engine(Box(A, layer=LAYER_A))
    found = world.ask(own(cgroup(A), layer=LAYER_A), engine, target="netns").identity
    assert (found.id, found.level) == (A, "proven")


def test_netns_without_an_engine_is_assumed(world: World) -> None:
    """What names the owner of the network is all there is."""
    found = world.ask(Evidence((cgroup(A), shared(B))), None, target="netns").identity
    assert (found.id, found.level) == (B, "assumed")
