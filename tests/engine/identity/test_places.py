"""Engines that are not ours, and who pretends to be one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import sequence, text
from tests.engine.conftest import sh, until
from tests.engine.identity.conftest import documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.model import Json
    from tests.engine.conftest import Container, Engine
    from tests.engine.identity.conftest import Bench

pytestmark = pytest.mark.engine

HERE = Path(__file__).parent
SHAPES = ("no-start", "right-start", "wrong-start", "echo", "many", "reads-proc", "floods")
STRANGER = "does not know this container"
GATEWAY = "tcp://172.17.0.1:2375"
CGROUPNS = pytest.mark.parametrize(
    "cgroupns", ["private", pytest.param("host", marks=pytest.mark.slow)]
)


@pytest.fixture
def liar(bench: Bench, request: pytest.FixtureRequest) -> Iterator[Container]:
    """A program at the gateway that says we are the bench's neighbour."""
    engine = bench.engine
    lying = engine.start_plain(
        "--network", "host", "--pid", "host", "--volume", "/proc:/host/proc:ro",
        "--volume", f"{HERE / 'liar.py'}:/liar.py:ro", "--entrypoint", "python3",
        command=("-u", "/liar.py", request.param, bench.neighbour.id, "2375"),
    )  # fmt: skip
    until(
        lambda: sh(
            "nsenter", "--net", "--target", engine.pid,
            "curl", "--silent", "http://127.0.0.1:2375/_ping", check=False,
        ),
        "the liar",
    )  # fmt: skip
    yield lying
    engine.remove_started()


def asked(lying: Container) -> int:
    return len(lying.logs().splitlines())


@pytest.mark.parametrize("cgroupns", ["private", pytest.param("host", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "engine", ["v1", pytest.param("v2", marks=pytest.mark.slow)], indirect=True
)
@pytest.mark.parametrize(
    "liar",
    [
        pytest.param(each, marks=() if each in ("right-start", "reads-proc") else pytest.mark.slow)
        for each in SHAPES
    ],
    indirect=True,
)
def test_who_lies_at_the_gateway_is_not_believed(
    bench: Bench, liar: Container, cgroupns: str
) -> None:
    """The verdict is the one without an engine, be the network our own or the neighbour's."""
    before = asked(liar)
    for network in ("bridge", f"container:{bench.neighbour.id}"):
        cidfile = bench.sockets / "cid"
        cidfile.unlink(missing_ok=True)
        printed = bench.engine.docker(
            "run", "--rm", "--cidfile", cidfile, "--network", network, "--cgroupns", cgroupns,
            "--entrypoint", "sh", bench.engine.image,
            "-c", "selfinspect id --json; selfinspect id --json --engine off; true",
        )  # fmt: skip
        with_liar, without = documents(printed)
        verdict = [text(with_liar, name) for name in ("id", "level", "method", "name")]
        assert verdict == [text(without, name) for name in ("id", "level", "method", "name")]
        assert text(with_liar, "level") in ("observed", "assumed", None)
        assert text(with_liar, "engine", "endpoint") is None
        if text(with_liar, "level") != "assumed":  # which acts nowhere
            assert text(with_liar, "id") in (cidfile.read_text(), None)
    until(lambda: asked(liar) > before + 2, "nobody asked the liar")


@pytest.mark.parametrize("engine", ["v1"], indirect=True)
@pytest.mark.parametrize("liar", ["no-start", "right-start"], indirect=True)
@pytest.mark.usefixtures("liar")
def test_nothing_that_a_liar_says_is_served(engine: Engine) -> None:
    """Neither its name nor its ports nor its aliases, nor is it the engine of `/v1/engine`."""
    app = engine.start_plain("--cgroupns", "host").up()
    own = app.json("/v1/self")
    assert text(own, "name") is None
    assert "6666" not in app.exec("sh", "-c", "selfinspect env; true")
    assert "liar" not in app.curl("/v1/self") + app.curl("/v1/engine")
    assert app.status("/v1/self", "--header", "Host: liar-alias") == 421

    def outcome() -> str | None:
        places = tried(app.json("/v1/engine"))
        return {text(one, "endpoint"): text(one, "outcome") for one in places}.get(GATEWAY)

    # Where the liar took too long for the first look, another comes within a minute.
    known = (STRANGER, "not proven to be this container's")
    until(lambda: outcome() in known, f"{known}, not {outcome()}")


def tried(document: Json) -> list[Json]:
    return sequence(document, "tried")


@pytest.fixture
def stranger(engine: Engine, request: pytest.FixtureRequest) -> Engine:
    """The engine of the two that did not start the container."""
    name = "private_engine" if engine.home.name.endswith("-v2") else "cgroup2_engine"
    other: Engine = request.getfixturevalue(name)
    return other


@CGROUPNS
@pytest.mark.parametrize("order", ["DOCKER_HOST is a stranger's", "the mount is a stranger's"])
def test_of_two_engines_ours_is_found_in_either_order(
    engine: Engine, stranger: Engine, order: str, cgroupns: str
) -> None:
    """The one that knows us proves it, and the other is named."""
    first, second = (stranger, engine) if order.startswith("DOCKER_HOST") else (engine, stranger)
    app = engine.start(
        "--cgroupns", cgroupns, "--volume", f"{first.socket}:/first.sock",
        "--env", "DOCKER_HOST=unix:///first.sock", "--user", "0", socket=second.socket,
    ).ready()  # fmt: skip
    identity = app.json("/v1/identity")
    assert (text(identity, "id"), text(identity, "level")) == (app.id, "proven")
    told = {text(one, "endpoint"): text(one, "outcome") for one in tried(identity)}
    if first is stranger:
        assert told["unix:///first.sock"] == STRANGER


@CGROUPNS
def test_a_strangers_engine_takes_nothing_away(
    engine: Engine, stranger: Engine, cgroupns: str
) -> None:
    """As in CI, whose `DOCKER_HOST` is its own: what the kernel says stands, with a way out."""
    options = (
        "--cgroupns", cgroupns, "--volume", f"{stranger.socket}:/first.sock", "--user", "0",
        "--env", "DOCKER_HOST=unix:///first.sock", "--entrypoint", "sh",
    )  # fmt: skip
    cidfile = engine.home / "cid"
    cidfile.unlink(missing_ok=True)
    looks = (
        "selfinspect id --json; selfinspect id --json --engine off; selfinspect doctor --json; true"
    )
    printed = engine.docker(
        "run", "--rm", "--cidfile", cidfile, *options, engine.image, "-c", looks
    )
    with_it, without, doctor = documents(printed)
    assert text(with_it, "id") == text(without, "id") == cidfile.read_text(), json.dumps(with_it)
    assert text(with_it, "level") == text(without, "level") != "proven"
    told: Mapping[str | None, Json] = {
        text(check, "name"): check for check in sequence(doctor, "checks")
    }
    check = told["engine unix:///first.sock"]
    assert STRANGER in (text(check, "seen") or "")
    assert "unset DOCKER_HOST" in (text(check, "fix") or "")
