"""Documents as records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.documents import as_document
from selfinspect.model import (
    Compose,
    Engine,
    Health,
    HealthCheck,
    Host,
    IdentitySummary,
    Image,
    Kubernetes,
    Limits,
    MemoryEvents,
    Mount,
    Network,
    PortBinding,
    RestartPolicy,
    Run,
    Self,
    Stop,
    Stopping,
    Swarm,
)
from selfinspect.records import read_self

if TYPE_CHECKING:
    from selfinspect.model import Json

BARE = Self(id="a1" * 32, short_id="a1" * 6, identity=IdentitySummary("proven", "layer"))
FULL = Self(
    id="a1" * 32,
    short_id="a1" * 6,
    image=Image("app:1", "sha256:1", ("app@sha256:2",)),
    health=Health("healthy", 0, (HealthCheck("s", "e", 0, "ok"),)),
    restart_count=1,
    restart_policy=RestartPolicy("always", 0),
    command=("app", "-v"),
    env={"A": "b"},
    ports={"80": {"tcp": 1, "udp": None}},
    port_bindings={"80/tcp": (PortBinding("0.0.0.0", 1),), "80/udp": ()},
    networks={"bridge": Network("1.2.3.4", None, None, None, ("a",))},
    mounts=(Mount("bind", "/a", "/b", None, read_only=False),),
    limits=Limits(cpus=1.5),
    compose=Compose("p", "s", 1),
    swarm=Swarm(None, None, None, None),
    kubernetes=Kubernetes("n", "p", "u", "c"),
    stop=Stop("SIGTERM", 10, "container"),
    stopping=Stopping("SIGTERM", "t", "u", 1.5),
    memory_events=MemoryEvents(1, 0, 0, 0),
    host=Host("node-1", "Debian", "6.1", "x86_64", 2, 1 << 30),
    previous_run=Run(1, None, None, 137, "SIGKILL", oom_killed=True, cause="oom"),
    identity=IdentitySummary("proven", "layer"),
    engine=Engine("unix:///s", "Docker", "28", "1.51"),
)  # fmt: skip


@pytest.mark.parametrize("own", [BARE, FULL])
def test_a_record_comes_back_from_its_document(own: Self) -> None:
    """Every member, nested ones as the records they were."""
    assert read_self(as_document(own)) == own


def test_an_agent_of_another_version_is_understood() -> None:
    """What it tells beyond this version is left out, what it does not tell is None."""
    document: Json = {
        "id": "a1",
        "identity": {"level": "proven", "certainty": 1},
        "mounts": [{"type": "bind"}],
        "colour": "red",
    }
    own = read_self(document)
    assert [own.short_id, own.identity.method] == [None, None]
    assert own.mounts == (Mount("bind", None, None, None, None),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        {"id": "a1"},
        {"id": "a1", "identity": "proven"},
        {"id": "a1", "identity": {}, "mounts": {}},
        {"id": "a1", "identity": {"level": "proven"}, "networks": []},
        {"id": "a1", "identity": {"level": "proven"}, "mounts": [1]},
    ],
)
def test_what_is_no_such_document_is_refused(document: Json) -> None:
    """An answer of another shape comes from somebody else."""
    with pytest.raises(ValueError, match=r"is no|no document"):
        read_self(document)
