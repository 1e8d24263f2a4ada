"""The document about ourselves, from what engines really answered."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.inspect.describe import describe, without_engine
from selfinspect.errors import IdentityError
from selfinspect.model import (
    Compose,
    Engine,
    Health,
    HealthCheck,
    Host,
    Identity,
    IdentitySummary,
    Image,
    Kubernetes,
    Limits,
    Mount,
    Network,
    PortBinding,
    RestartPolicy,
    Self,
    Stop,
    Swarm,
)
from tests.support.canned_engine import recorded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json

ID = "7badd33650b90e2d3003590fc6629ed48dba2d0b1541a2c7ae760d252d3b182d"
ENGINE = Engine("unix:///run/docker.sock", "Docker", "20.10.24", "1.41")
IDENTITY = Identity(ID, "proven", "layer", name="web")
NOW = "2026-11-21T12:36:03.000000000Z"


def _described(inspect: Json, image: Json = None, info: Json = None) -> Self:
    return describe(
        inspect,
        identity=IDENTITY,
        engine=ENGINE,
        image=image,
        info=info,
        inspected_at=NOW,
        truncated={},
    )


def test_every_field_of_a_rich_container() -> None:
    """Names, times, state, command, environment, labels, ports, networks, mounts and limits."""
    own = _described(recorded("inspect"), recorded("image"))
    assert own == Self(
        id=ID,
        short_id="7badd33650b9",
        name="web",
        hostname="box",
        image=Image(
            reference="base",
            id="sha256:733d11eb7f510194b905bbdc14764fca0d6b0451addec89d3e6340cf22401453",
            digests=(),
        ),
        created_at="2026-11-21T12:36:01.050230768Z",
        started_at="2026-11-21T12:36:01.447859168Z",
        inspected_at=NOW,
        state="running",
        health=Health(
            status="healthy",
            failing_streak=0,
            log=(
                HealthCheck(
                    start="2026-11-21T12:36:02.449277976Z",
                    end="2026-11-21T12:36:02.488029053Z",
                    exit_code=0,
                    output="",
                ),
            ),
        ),
        restart_count=0,
        restart_policy=RestartPolicy(name="on-failure", maximum_retries=3),
        command=("sh", "-c", 'trap "exit 3" TERM; while :; do sleep 0.2; done'),
        user="65534",
        working_dir="/data",
        env={
            "DB_PASSWORD": "hunter2-correct-horse",
            "DATABASE_URL": "postgres://app:s3cr3t-pa55@db:5432/app",
            "EMPTY": "",
            "APP_MODE": "live",
        },
        labels={
            "api_token": "tok-abcdefgh12345678",
            "com.docker.compose.container-number": "2",
            "com.docker.compose.project": "shop",
            "com.docker.compose.project.working_dir": "/home/someone/shop",
            "com.docker.compose.service": "web",
            "exitCode": "99",
            "org.opencontainers.image.version": "1.2.3",
            "signal": "HACK",
            "team": "blue",
        },
        ports={
            "53": {"udp": 5353},
            "8080": {"tcp": 32768},
            "8081": {"tcp": 18081},
            "9000": {"tcp": None},
        },
        port_bindings={
            "53/udp": (PortBinding("0.0.0.0", 5353), PortBinding("::", 5353)),
            "8080/tcp": (PortBinding("127.0.0.1", 32768),),
            "8081/tcp": (PortBinding("0.0.0.0", 18081), PortBinding("::", 18081)),
            "9000/tcp": (),
        },
        networks={
            "front": Network(
                ip="172.18.0.2",
                ipv6=None,
                gateway="172.18.0.1",
                mac="02:42:ac:12:00:02",
                aliases=("web", "7badd33650b9", "box"),
            )
        },
        mounts=(
            Mount("volume", "/var/lib/docker/volumes/data/_data", "/data", "data", False),  # noqa: FBT003 - the record's last field
            Mount("bind", "/srv/conf", "/etc/app", None, True),  # noqa: FBT003 - the same
            Mount("tmpfs", None, "/scratch", None, True),  # noqa: FBT003 - the same
            Mount("tmpfs", None, "/tmp", None, False),  # noqa: FBT003 - the same
        ),
        limits=Limits(
            cpus=1.5,
            cpu_shares=512,
            cpuset="0-1",
            memory_bytes=64 << 20,
            memory_reservation_bytes=32 << 20,
            memory_swap_bytes=128 << 20,
            pids=50,
        ),
        compose=Compose(project="shop", service="web", number=2),
        truncated={},
        stop=Stop("SIGTERM"),
        identity=IdentitySummary(level="proven", method="layer"),
        engine=ENGINE,
    )


def test_the_newest_api_says_the_same() -> None:
    """What API 1.52 left out of its documents is not what we read."""
    assert _described(recorded("inspect-api-1.52")) == _described(recorded("inspect"))


def test_a_stopped_container_keeps_its_ports_in_mind() -> None:
    """Once it is stopped nothing is published, and what was exposed is unknown, not gone."""
    own = _described(recorded("inspect-stopped"))
    assert own.state == "exited"
    assert own.ports == {
        "53": {"udp": None},
        "8080": {"tcp": None},
        "8081": {"tcp": None},
        "9000": {"tcp": None},
    }


def test_nothing_known_is_nothing_claimed() -> None:
    """From an empty document come no limits, no health, no place in any orchestrator."""
    own = _described({})
    unknown = {field.name for field in fields(own) if getattr(own, field.name) is None}
    assert {"name", "hostname", "created_at", "started_at", "state", "health"} < unknown
    assert {"restart_count", "compose", "swarm", "kubernetes", "previous_run"} < unknown
    assert (own.image, own.limits, own.mounts) == (Image(), Limits(), ())
    assert (own.ports, own.networks, own.env, own.labels) == ({}, {}, {}, {})


@pytest.mark.parametrize("junk", [None, [], "text", 5, {"Config": []}, {"State": "running"}])
def test_a_document_of_another_shape_does_no_harm(junk: Json) -> None:
    """Members of other types count as absent."""
    assert _described(junk).state is None


def test_the_digests_are_the_images() -> None:
    """They stand in the image's document, where the engine would give it."""
    image: Json = {"RepoDigests": ["base@sha256:aa", "mirror/base@sha256:aa"]}
    assert _described({}, image).image.digests == ("base@sha256:aa", "mirror/base@sha256:aa")
    assert _described({}, {"RepoDigests": []}).image.digests == ()
    assert _described({}, None).image.digests is None


@pytest.mark.parametrize("status", ["", "none"])
def test_without_a_health_check_there_is_no_health(status: str) -> None:
    """The engine's `none` is no verdict."""
    assert _described({"State": {"Health": {"Status": status, "Log": []}}}).health is None


def test_a_failing_health_check() -> None:
    """Streak and output come along; a check that was cut off has no end."""
    entry: Json = {"Start": NOW, "End": "0001-01-01T00:00:00Z", "ExitCode": 1, "Output": "sick"}
    health: Json = {"Status": "unhealthy", "FailingStreak": 4, "Log": [entry]}
    assert _described({"State": {"Health": health}}).health == Health(
        "unhealthy", 4, (HealthCheck(NOW, None, 1, "sick"),)
    )


@pytest.mark.parametrize(
    ("published", "exposed", "expected"),
    [
        ({}, {"80/tcp": {}}, {"80": {"tcp": None}}),
        ({"80/tcp": None}, {}, {"80": {"tcp": None}}),
        ({"80/tcp": []}, {}, {"80": {"tcp": None}}),
        ({"80/tcp": [{"HostIp": "", "HostPort": ""}]}, {}, {"80": {"tcp": None}}),
        ({"80/tcp": [{"HostIp": "", "HostPort": "x"}]}, {}, {"80": {"tcp": None}}),
        ({"80/tcp": ["odd"]}, {}, {"80": {"tcp": None}}),
        (
            {"80/tcp": [{"HostPort": "1"}, {"HostPort": "2"}]},
            {"80/udp": {}},
            {"80": {"tcp": 1, "udp": None}},
        ),
        ({"80": [{"HostPort": "1"}]}, {}, {"80": {"tcp": 1}}),
        (None, None, {}),
    ],
)
def test_the_first_binding_is_the_port(
    published: Json, exposed: Json, expected: Mapping[str, Mapping[str, int | None]]
) -> None:
    """The first address of the host counts; exposed without any it is unknown."""
    own = _described({"NetworkSettings": {"Ports": published}, "Config": {"ExposedPorts": exposed}})
    assert own.ports == expected


def test_ports_are_in_the_order_of_their_numbers() -> None:
    """80 comes before 8080 and 443, text order notwithstanding."""
    exposed: Json = {"8080/tcp": {}, "80/udp": {}, "443/tcp": {}, "80/tcp": {}, "odd": {}}
    own = _described({"Config": {"ExposedPorts": exposed}})
    assert list(own.port_bindings or {}) == ["odd", "80/tcp", "80/udp", "443/tcp", "8080/tcp"]


@pytest.mark.parametrize(
    ("options", "read_only"),
    [("", False), ("ro", True), ("size=1m,ro", True), ("rw,errors=remount-ro", False)],
)
def test_a_tmpfs_is_read_only_where_its_options_say_so(options: str, *, read_only: bool) -> None:
    """`ro` is an option of its own, not a part of another one."""
    (mount,) = _described({"HostConfig": {"Tmpfs": {"/x": options}}}).mounts or ()
    assert (mount.type, mount.destination, mount.read_only) == ("tmpfs", "/x", read_only)


@pytest.mark.parametrize(
    ("host", "cpus"),
    [
        ({"NanoCpus": 500_000_000}, 0.5),
        ({"NanoCpus": 0, "CpuQuota": 50_000, "CpuPeriod": 25_000}, 2.0),
        ({"CpuQuota": 50_000}, 0.5),
        ({"CpuQuota": 50_000, "CpuPeriod": 0}, 0.5),
        ({"CpuQuota": -1}, None),
        ({}, None),
    ],
)
def test_cpus_however_they_were_given(host: Json, cpus: float | None) -> None:
    """`--cpus` and a quota over a period are the same limit."""
    limits = _described({"HostConfig": host}).limits
    assert limits is not None
    assert limits.cpus == cpus


@pytest.mark.parametrize("value", [0, -1, None, "64m", True])
def test_unlimited_is_unknown(value: Json) -> None:
    """Zero, minus one and nothing all mean that there is no limit."""
    host: Json = dict.fromkeys(("Memory", "MemorySwap", "PidsLimit", "CpuShares"), value)
    assert _described({"HostConfig": host}).limits == Limits()


def test_an_environment_entry_without_an_equals_sign_removes() -> None:
    """The runtime takes the variable out of the image's, and inspect keeps the entry."""
    own = _described({"Config": {"Env": ["A", "B=", "C=x=y", "D=1", "D", "E", "E=2"]}})
    assert own.env == {"B": "", "C": "x=y", "E": "2"}


@pytest.mark.parametrize(
    ("labels", "swarm", "kubernetes"),
    [
        (
            {
                "com.docker.swarm.task.name": "web.3.xyz",
                "com.docker.swarm.service.name": "web",
                "com.docker.swarm.node.id": "n1",
            },
            Swarm("web", "web.3.xyz", 3, "n1"),
            None,
        ),
        (
            {"io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop"},
            None,
            Kubernetes("shop", "web-0", None, None),
        ),
    ],
)
def test_orchestrators_are_known_by_their_labels(
    labels: Json, swarm: Swarm | None, kubernetes: Kubernetes | None
) -> None:
    """A Swarm task and a pod's container know their place."""
    own = _described({"Config": {"Labels": labels}})
    assert (own.swarm, own.kubernetes, own.compose) == (swarm, kubernetes, None)


def test_without_an_engine_only_the_kernel_speaks() -> None:
    """ID, host name and identity are known, everything else is unknown."""
    own = without_engine(Identity(ID, "observed", "kernel", name="web"), hostname="box")
    assert own == Self(
        id=ID,
        short_id="7badd33650b9",
        name="web",
        hostname="box",
        identity=IdentitySummary("observed", "kernel"),
    )


@pytest.mark.parametrize("reason", ["two names", None])
def test_nobody_is_not_described(reason: str | None) -> None:
    """Without an identity there is no document, and the reason is reported."""
    with pytest.raises(IdentityError, match=reason or "no evidence"):
        without_engine(Identity(None, None, None, reason=reason), hostname=None)


def test_the_containers_own_stop_timeout_comes_before_the_images() -> None:
    """The engine copies the image's signal into the container; the timeout it does not."""
    image: Json = {"Config": {"StopTimeout": 30, "StopSignal": "SIGQUIT"}}
    own: Json = {"Config": {"StopTimeout": 5, "StopSignal": "SIGINT"}}
    assert _described(own, image).stop == Stop("SIGINT", 5, "container")
    assert _described({"Config": {}}, image).stop == Stop("SIGQUIT", 30, "image")


def test_nobody_has_to_say_how_to_stop() -> None:
    """Then it is the engine's signal, and a time that is the engine's alone."""
    assert _described({"Config": {}}).stop == Stop("SIGTERM", None, None)


def test_the_machine_is_the_engines_own() -> None:
    """Its name is what no container can find out by itself."""
    info: Json = {
        "Name": "node-1",
        "OperatingSystem": "Debian",
        "KernelVersion": "6.1",
        "Architecture": "x86_64",
        "NCPU": 2,
        "MemTotal": 1024,
    }
    assert _described({}, info=info).host == Host("node-1", "Debian", "6.1", "x86_64", 2, 1024)
    assert _described({}).host is None
