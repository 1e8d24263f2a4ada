"""One look at ourselves, through real files and a real socket."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.agent.observe import filled_in, inspect_again, observe
from selfinspect.agent.state import Observation, State
from selfinspect.errors import EngineUnreachableError, UnknownContainerError
from selfinspect.model import Attempt, Limits
from selfinspect.settings import Settings
from tests.support.canned_container import ID, lay_container
from tests.support.canned_engine import PING, Answer, CannedEngine, recorded

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from selfinspect.engine.api.extras import Extra
    from selfinspect.model import Json

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture
def docker(engine: CannedEngine) -> CannedEngine:
    """An engine that has the container, and answers all that is asked of it."""
    engine.knows(recorded("inspect"), image=recorded("image"), stats=recorded("stats"))
    engine.answers["/info"] = Answer(body=recorded("info"))
    return engine


def _whole_look(root: Path, endpoint: str) -> Observation:
    """A look with what comes late, all of which is waited for."""
    return _whole(observe(Settings(engine=endpoint, root=lay_container(root)), {}))


def _whole(found: Observation) -> Observation:
    """What a look found, with what was late; nothing is left to ask where all came in time."""
    if found.extras is not None:
        found.extras.wait(60)
    assert found.client is not None
    found.client.connection.transport.close()
    return filled_in(found)


def _look(root: Path, endpoint: str, **environ: str) -> Observation:
    found = observe(Settings(engine=endpoint, root=lay_container(root)), environ)
    if found.client is not None:
        found.client.connection.transport.close()
    return found


def _again(found: Observation) -> Observation:
    assert found.client is not None
    return inspect_again(State(found), found.client)


def _changed(engine: CannedEngine, **members: Json) -> None:
    engine.knows({**recorded("inspect"), **members})


def test_an_engine_with_our_container_returns_everything(
    docker: CannedEngine, tmp_path: Path
) -> None:
    """Identity, our document, the masked inspect, the image and the cgroup's path."""
    found = _whole_look(tmp_path, docker.url)
    snapshot = found.snapshot
    assert (snapshot.identity.id, snapshot.identity.level) == (ID, "proven")
    assert (snapshot.identity.method, snapshot.identity.name) == ("layer", "web")
    assert snapshot.self is not None
    assert (snapshot.self.name, snapshot.self.hostname) == ("web", "box")
    assert snapshot.self.inspected_at is not None
    assert snapshot.engine == snapshot.self.engine
    assert snapshot.tried == (Attempt(docker.url, "answers"),)
    assert snapshot.failure is None
    assert found.image == recorded("image")
    assert found.cgroup_path == f"/docker/{ID}"
    assert found.own_network


def test_pid_1_of_another_tree_is_not_ours(docker: CannedEngine, tmp_path: Path) -> None:
    """Seen through the machine's tree it is the machine's, and contradicts nothing."""
    root = lay_container(tmp_path)
    (root / "proc/1").mkdir(exist_ok=True)
    (root / "proc/1/cgroup").write_text("4:memory:/\n0::/init.scope\n")
    _changed(docker, GraphDriver={"Name": "overlayfs", "Data": None}, Mounts=[])
    found = _look(root, docker.url).snapshot.identity
    assert (found.id, found.level) == (ID, "confirmed")


def test_what_was_found_is_masked(docker: CannedEngine, tmp_path: Path) -> None:
    """Neither our document nor the inspect holds a secret in the clear."""
    snapshot = _look(tmp_path, docker.url).snapshot
    for secret in ("hunter2-correct-horse", "s3cr3t-pa55", "tok-abcdefgh12345678"):
        assert secret not in repr(snapshot)
    assert "live" in repr(snapshot)


def test_every_request_is_observed(docker: CannedEngine, tmp_path: Path) -> None:
    """Each request's name and status is reported, for the metrics."""
    seen: list[tuple[str, int]] = []
    found = observe(
        Settings(engine=docker.url, root=lay_container(tmp_path)),
        {},
        observe_request=lambda name, code, _: seen.append((name, code)),
    )
    _whole(found)
    assert seen[:2] == [("ping", 200), ("inspect", 200)]
    assert sorted(seen[2:]) == [("image", 200), ("info", 200), ("version", 404)]


@pytest.mark.parametrize("path", ["/info", "/images/IMAGE/json"])
@pytest.mark.parametrize("status", [403, 404, 500])
def test_what_a_proxy_keeps_back_is_done_without(
    docker: CannedEngine, tmp_path: Path, path: str, status: int
) -> None:
    """Neither the image nor the engine's own words are needed to know ourselves."""
    docker.answers[path.replace("IMAGE", str(recorded("inspect")["Image"]))] = Answer(status)
    found = _whole_look(tmp_path, docker.url)
    assert found.snapshot.self is not None
    assert found.snapshot.failure is None
    assert (found.image is None, found.cgroup_path is None) == (path != "/info", path == "/info")


EXTRAS: Mapping[Extra, str] = {
    "info": "/info",
    "version": "/version",
    "image": f"/images/{recorded('inspect')['Image']}/json",
}


@pytest.mark.parametrize("hung", [*([name] for name in EXTRAS), EXTRAS], ids=[*EXTRAS, "all"])
def test_what_never_comes_is_done_without(
    docker: CannedEngine, tmp_path: Path, hung: Collection[Extra]
) -> None:
    """Proof and inspect make the document: what hangs beside them holds it back a second."""
    for name in hung:
        docker.answers[EXTRAS[name]] = Answer(hangs=True)
    found = _look(tmp_path, docker.url)
    assert found.extras is not None
    # An engine has ten for an answer: it is still being asked.
    assert all("within 1 s" in found.extras.failures()[name].detail for name in hung)
    assert found.snapshot.identity.level == "proven"
    assert found.snapshot.self is not None
    others: tuple[Extra, ...] = ("info", "image")
    for other in others:
        while other not in hung and found.extras[other] is None:
            time.sleep(0.01)
    assert all(found.extras[name] is None for name in hung)


@pytest.mark.parametrize("path", EXTRAS.values())
def test_what_breaks_off_is_done_without(docker: CannedEngine, tmp_path: Path, path: str) -> None:
    """An engine that hangs up on one of these has answered what matters."""
    docker.answers[path] = Answer(raw=b"")
    found = _look(tmp_path, docker.url)
    assert found.snapshot.tried == (Attempt(docker.url, "answers"),)
    assert found.snapshot.failure is None


def test_a_version_that_hangs_holds_no_denial_back(docker: CannedEngine, tmp_path: Path) -> None:
    """Nor what the kernel knows, where a proxy denies the inspect."""
    docker.answers[f"/containers/{ID}/json"] = Answer(403, b"no")
    docker.answers["/version"] = Answer(hangs=True)
    taken = []
    for _ in range(3):  # a busy machine may hold one up
        begun = time.monotonic()
        snapshot = _look(tmp_path, docker.url).snapshot
        taken.append(time.monotonic() - begun)
        assert (snapshot.identity.id, snapshot.identity.level) == (ID, "observed")
        if taken[-1] < 8.0:  # an engine has ten seconds for an answer
            break
    assert min(taken) < 8.0


def test_a_later_look_fills_in_what_came_late(docker: CannedEngine, tmp_path: Path) -> None:
    """Without another question: the answer is waited for beside."""
    late = threading.Event()
    docker.answers["/info"] = Answer(body=recorded("info"), after=late)
    found = _look(tmp_path, docker.url)
    assert (found.info, found.cgroup_path) == (None, None)
    assert found.extras is not None
    late.set()
    found.extras.wait(60)
    again = _again(found)
    assert (again.info, again.cgroup_path) == (recorded("info"), f"/docker/{ID}")
    assert len(docker.matching("/info")) == 1


@pytest.mark.parametrize(("driver", "has"), [("cgroupfs", True), ("none", False)])
def test_whether_the_engine_gives_us_a_cgroup(
    docker: CannedEngine, tmp_path: Path, driver: str, *, has: bool
) -> None:
    """By its `/info`; without one no limit holds, whatever was asked for."""
    docker.answers["/info"] = Answer(body={**recorded("info"), "CgroupDriver": driver})
    found = _whole_look(tmp_path, docker.url)
    assert found.has_cgroup is has
    assert (found.specification is not None) is has
    assert found.snapshot.self is not None
    assert found.snapshot.self.limits is not None
    assert (found.snapshot.self.limits.memory_bytes is not None) is has


def test_once_all_has_come_nothing_is_left_to_ask(docker: CannedEngine, tmp_path: Path) -> None:
    """What was refused is kept, for who asks why it is missing."""
    docker.answers["/version"] = Answer(403, b"no")
    found = _whole_look(tmp_path, docker.url)
    assert (found.extras, found.info) == (None, recorded("info"))
    assert found.refused.keys() == {"version"}


def test_what_comes_late_is_as_old_as_the_document(docker: CannedEngine, tmp_path: Path) -> None:
    """Filling in inspects nothing: `inspected_at` stays."""
    late = threading.Event()
    docker.answers[EXTRAS["image"]] = Answer(body=recorded("image"), after=late)
    found = _look(tmp_path, docker.url)
    late.set()
    assert found.extras is not None
    found.extras.wait(60)
    filled = filled_in(found)
    assert filled.snapshot.self is not None
    assert found.snapshot.self is not None
    assert found.snapshot.self.image.digests is None
    assert filled.snapshot.self.image.digests is not None
    assert filled.snapshot.self.inspected_at == found.snapshot.self.inspected_at


@pytest.mark.parametrize(
    ("server", "release", "product"),
    [
        ("nginx/1.22.1", {"Components": [{"Name": "Engine", "Version": "28.5.2"}]}, "Docker"),
        ("Caddy", {"Components": [{"Name": "Podman Engine", "Version": "28.5.2"}]}, "Podman"),
        ("nginx", {"Version": "28.5.2", "Platform": {"Name": "Podman"}}, "Podman"),
        ("nginx", {"Version": "28.5.2"}, "Docker"),
    ],
)
def test_behind_a_proxy_the_version_names_the_product(
    docker: CannedEngine, tmp_path: Path, server: str, release: Json, product: str
) -> None:
    """What the proxy calls itself is not the engine's name."""
    docker.answers["/_ping"] = replace(PING, headers={**PING.headers, "Server": server})
    docker.answers["/version"] = Answer(body=release)
    found = _look(tmp_path, docker.url)
    engine = found.snapshot.engine
    assert engine is not None
    assert (engine.product, engine.version) == (product, "28.5.2")
    assert found.snapshot.self is not None
    assert found.snapshot.self.engine == engine
    assert found.client is not None
    assert found.client.connection.engine == engine
    assert found.client.connection.proxy == server.partition("/")[0]


def test_the_systemd_driver_has_another_path(docker: CannedEngine, tmp_path: Path) -> None:
    """The cgroup's path follows the engine's driver."""
    docker.answers["/info"] = Answer(body={**recorded("info"), "CgroupDriver": "systemd"})
    assert _look(tmp_path, docker.url).cgroup_path == f"/system.slice/docker-{ID}.scope"


@pytest.mark.parametrize(
    ("mode", "own"), [("host", False), (f"container:{'cd' * 32}", False), ("bridge", True)]
)
def test_whose_network_it_is(docker: CannedEngine, tmp_path: Path, mode: str, *, own: bool) -> None:
    """The host's and another container's are not ours."""
    host = recorded("inspect")["HostConfig"]
    assert isinstance(host, dict)
    _changed(docker, HostConfig={**host, "NetworkMode": mode})
    assert _look(tmp_path, docker.url).own_network is own


def test_no_socket_names_the_mount(tmp_path: Path) -> None:
    """Without any socket the kernel's word remains, and the hint is the mount."""
    endpoint = f"unix://{tmp_path}/no.sock"
    snapshot = _look(tmp_path, endpoint).snapshot
    assert snapshot.tried == (Attempt(endpoint, "missing"),)
    assert (snapshot.identity.id, snapshot.identity.level) == (ID, "observed")
    assert snapshot.self is not None
    assert (snapshot.self.hostname, snapshot.self.state) == ("box", None)
    assert snapshot.failure is not None
    assert snapshot.failure.detail == f"no engine socket at {tmp_path}/no.sock"
    assert "-v /var/run/docker.sock:/var/run/docker.sock" in str(snapshot.failure.hint)
    assert not snapshot.failure.denied


def test_switched_off_says_so(tmp_path: Path) -> None:
    """`--engine off` tries nothing, and the hint is to leave it out."""
    snapshot = _look(tmp_path, "off").snapshot
    assert snapshot.tried == ()
    assert snapshot.identity.id == ID
    assert snapshot.failure is not None
    assert snapshot.failure.hint == "start the agent without --engine off"


def test_an_engine_that_is_not_running(engine: CannedEngine, tmp_path: Path) -> None:
    """A socket without an engine is refused, and the hint is to start one."""
    engine.stop(unlink=False)
    snapshot = _look(tmp_path, engine.url).snapshot
    assert snapshot.tried == (Attempt(engine.url, "refused"),)
    assert snapshot.failure is not None
    assert "start the engine" in str(snapshot.failure.hint)


def test_an_engine_that_does_not_know_us(engine: CannedEngine, tmp_path: Path) -> None:
    """Another machine's engine is not the same as none."""
    engine.answers["/containers/json"] = Answer(body=[])
    found = _look(tmp_path, engine.url)
    assert found.client is None
    assert found.snapshot.tried == (Attempt(engine.url, "does not know this container"),)
    assert found.snapshot.failure is not None
    assert "does not know this container" in found.snapshot.failure.detail
    assert "--engine off" in str(found.snapshot.failure.hint)


def test_of_two_engines_ours_is_used_and_the_other_named(
    docker: CannedEngine, tmp_path: Path
) -> None:
    """A stranger in `DOCKER_HOST`, as CI has it, and the engine that knows us behind it."""
    with CannedEngine(tmp_path / "stranger.sock") as stranger:
        stranger.answers["/containers/json"] = Answer(body=[])
        environ = {"DOCKER_HOST": stranger.url, "XDG_RUNTIME_DIR": str(tmp_path)}
        (tmp_path / "docker.sock").symlink_to(docker.url.removeprefix("unix://"))
        found = _look(tmp_path / "root", "auto", **environ).snapshot
        assert stranger.matching("/containers/json|/top") == []
    assert (found.identity.id, found.identity.level) == (ID, "proven")
    assert found.tried[0].outcome == "does not know this container"
    assert "unset DOCKER_HOST" in str(found.tried[0].hint)


def test_a_target_that_the_second_engine_has_is_there(docker: CannedEngine, tmp_path: Path) -> None:
    """The first, which knows nobody of that name, does not make it a removed one."""
    with CannedEngine(tmp_path / "stranger.sock") as stranger:
        environ = {"DOCKER_HOST": stranger.url, "XDG_RUNTIME_DIR": str(tmp_path)}
        (tmp_path / "docker.sock").symlink_to(docker.url.removeprefix("unix://"))
        settings = Settings(engine="auto", root=lay_container(tmp_path / "root"), target=ID)
        found = observe(settings, environ)
    assert found.client is not None
    found.client.connection.transport.close()
    assert found.snapshot.tried[0].outcome == "does not know the target"
    assert found.snapshot.self is not None
    assert not found.missing


def test_an_unknown_target_is_not_a_stranger(engine: CannedEngine, tmp_path: Path) -> None:
    """The engine is not asked who we are."""
    settings = Settings(engine=engine.url, root=lay_container(tmp_path), target="db")
    found = observe(settings, {}).snapshot
    assert found.tried[0].outcome == "does not know the target"
    assert found.failure is not None
    assert "--target" in str(found.failure.hint)


def test_a_proxy_that_denies_inspect_is_named(docker: CannedEngine, tmp_path: Path) -> None:
    """The identity is the kernel's, and the failure says what the proxy would have to allow."""
    docker.answers[f"/containers/{ID}/json"] = Answer(403, b"no")
    snapshot = _look(tmp_path, docker.url).snapshot
    assert (snapshot.identity.id, snapshot.identity.level) == (ID, "observed")
    assert snapshot.tried == (Attempt(docker.url, "denied"),)
    assert snapshot.failure is not None
    assert snapshot.failure.denied
    assert "CONTAINERS=1" in str(snapshot.failure.hint)


def test_a_proxy_that_denies_everything_is_named(engine: CannedEngine, tmp_path: Path) -> None:
    """Denied from the first request on, the kernel's word remains."""
    engine.answers["/_ping"] = Answer(403)
    snapshot = _look(tmp_path, engine.url).snapshot
    assert snapshot.tried == (Attempt(engine.url, "denied"),)
    assert snapshot.failure is not None
    assert snapshot.failure.denied


def test_another_refusal_is_reported_as_it_is(engine: CannedEngine, tmp_path: Path) -> None:
    """A status without a meaning of its own stands in the list with its words."""
    engine.answers["/_ping"] = Answer(500, {"message": "on fire"})
    snapshot = _look(tmp_path, engine.url).snapshot
    assert snapshot.tried[0].said == "ping: the engine answered 500: on fire"
    assert snapshot.failure is not None
    assert not snapshot.failure.denied


def test_an_engine_that_goes_away_while_it_is_asked(docker: CannedEngine, tmp_path: Path) -> None:
    """An engine lost in the middle of a look is an attempt that failed, not a crash."""
    docker.answers[f"/containers/{ID}/json"] = Answer(raw=b"")
    snapshot = _look(tmp_path, docker.url).snapshot
    assert snapshot.tried == (Attempt(docker.url, "no engine"),)
    assert snapshot.identity.id == ID
    assert snapshot.failure is not None


def test_the_next_place_is_tried(docker: CannedEngine, tmp_path: Path) -> None:
    """A place that does not count is passed over, and remembered."""
    environ = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "XDG_RUNTIME_DIR": str(tmp_path)}
    (tmp_path / "docker.sock").symlink_to(docker.url.removeprefix("unix://"))
    found = _look(tmp_path, "auto", **environ)
    assert found.snapshot.self is not None
    assert found.snapshot.tried[0] == Attempt(f"unix://{tmp_path}/no.sock", "missing")
    assert found.snapshot.tried[-1] == Attempt(f"unix://{tmp_path}/docker.sock", "answers")


def test_of_several_failures_the_one_that_can_be_mended_is_reported(tmp_path: Path) -> None:
    """A socket that is there and fails says more than those that are missing."""
    with CannedEngine(tmp_path / "docker.sock") as engine:
        engine.answers["/_ping"] = Answer(403)
        environ = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "XDG_RUNTIME_DIR": str(tmp_path)}
        snapshot = _look(tmp_path, "auto", **environ).snapshot
    assert len(snapshot.tried) > 1
    assert snapshot.failure is not None
    assert "PING=1" in str(snapshot.failure.hint)


def test_nobody_at_all_has_no_document(tmp_path: Path) -> None:
    """Without evidence the identity is null, with a reason."""
    snapshot = observe(Settings(engine="off", root=tmp_path), {}).snapshot
    assert (snapshot.identity.id, snapshot.self) == (None, None)
    assert snapshot.identity.reason


def test_looking_again_asks_for_inspect_alone(docker: CannedEngine, tmp_path: Path) -> None:
    """A rename is seen with one request, and what is secret stays so."""
    found = _look(tmp_path, docker.url)
    _changed(docker, Name="/shop")
    docker.requests.clear()
    again = _again(found)
    assert docker.requests == [f"GET /v1.41/containers/{ID}/json"]
    assert again.snapshot.self is not None
    assert (again.snapshot.self.name, again.snapshot.identity.name) == ("shop", "shop")
    assert again.snapshot.identity.level == "proven"
    assert "hunter2-correct-horse" not in repr(again.snapshot)
    assert again.masking == found.masking


def test_looking_again_raises_why_it_cannot(docker: CannedEngine, tmp_path: Path) -> None:
    """A removed container and a lost engine are errors of their own."""
    found = _look(tmp_path, docker.url)
    del docker.answers[f"/containers/{ID}/json"]
    with pytest.raises(UnknownContainerError):
        _again(found)
    docker.stop()
    with pytest.raises(EngineUnreachableError):
        _again(found)


@pytest.mark.parametrize("version", ["cgroup-v1", "cgroup-v2"])
def test_without_an_engine_limits_are_the_kernels(version: str) -> None:
    """CPUs, memory and tasks as its cgroup limits them; the rest is null."""
    own = observe(Settings(engine="off", root=FIXTURES / version), {}).snapshot.self
    assert own is not None
    assert own.limits == Limits(cpus=0.5, memory_bytes=128 << 20, pids=64)
    assert (own.name, own.ports, own.image.reference) == (None, None, None)


def test_without_an_engine_there_is_no_inspect(docker: CannedEngine, tmp_path: Path) -> None:
    """Inspecting again needs a first look that found an engine."""
    found = _look(tmp_path, docker.url)
    with pytest.raises(ValueError, match="comes from an engine"):
        _again(replace(found, snapshot=replace(found.snapshot, engine=None)))
