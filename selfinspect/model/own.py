"""The document about ourselves, `/v1/self`, and the snapshot of everything at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.jsonread import Json
    from selfinspect.model.event import Run
    from selfinspect.model.identity import Attempt, Engine, EngineFailure, Identity, IdentitySummary

StopSource: TypeAlias = Literal["container", "image", "option"]


@dataclass(frozen=True, slots=True)
class Image:
    """The container's image: its reference as typed, its ID, and its repository digests.

    `digests` is empty for an image without a repository, and None where no engine reports them.
    """

    reference: str | None = None
    id: str | None = None
    digests: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One run of the container's own health check."""

    start: str | None
    end: str | None
    exit_code: int | None
    output: str


@dataclass(frozen=True, slots=True)
class Health:
    """The health that the engine reports, and its last checks."""

    status: str
    failing_streak: int
    log: tuple[HealthCheck, ...]


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When the engine restarts the container."""

    name: str
    maximum_retries: int


@dataclass(frozen=True, slots=True)
class PortBinding:
    """An address of the host that leads to a port of the container."""

    host_ip: str
    host_port: int


@dataclass(frozen=True, slots=True)
class Network:
    """The container's place in one network."""

    ip: str | None
    ipv6: str | None
    gateway: str | None
    mac: str | None
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume, bind or tmpfs in the container."""

    type: str
    source: str | None
    destination: str
    name: str | None
    read_only: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """The container's limits; None is unlimited."""

    cpus: float | None = None
    cpu_shares: int | None = None
    cpuset: str | None = None
    memory_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    memory_swap_bytes: int | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class Compose:
    """The container's place in a Compose project."""

    project: str
    service: str | None
    number: int | None


@dataclass(frozen=True, slots=True)
class Swarm:
    """The container's place in a Swarm."""

    service: str | None
    task: str | None
    slot: int | None
    node: str | None


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """The container's place in a Kubernetes cluster.

    `pod_uid` and `container` are in the kubelet's own mounts, too; the rest needs an engine.
    """

    namespace: str | None = None
    pod: str | None = None
    pod_uid: str | None = None
    container: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """How the container is asked to stop, and how long it then has.

    `source` is where the timeout is set: in the container, its image, or the option of `run`; None
    where nowhere, so that the engine's own default applies.
    """

    signal: str | None = None
    timeout_seconds: int | None = None
    source: StopSource | None = None


@dataclass(frozen=True, slots=True)
class Stopping:
    """A stop that is under way.

    `deadline` is when the engine kills what still runs, by the configured timeout: that of
    `docker stop -t` cannot be seen from inside. `seconds_left` is as of the answer.
    """

    signal: str
    received_at: str
    deadline: str | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that the container runs on."""

    name: str | None = None
    os: str | None = None
    kernel: str | None = None
    architecture: str | None = None
    cpus: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryEvents:
    """How often memory ran short since the container's start, as cgroup v2 counts.

    `max` is how often usage reached the limit, as page cache alone does in a healthy container;
    `high` how often it reached the soft limit; `oom` how often nothing could be freed; `oom_kill`
    how many processes were OOM-killed.
    """

    max: int | None = None
    high: int | None = None
    oom: int | None = None
    oom_kill: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Self:
    """The document of `/v1/self`, already masked.

    `ports` maps a container port and protocol to the first host port bound to it, None where it is
    exposed and not published. `inspected_at` is when the engine reported all this. `id` and
    `short_id` are None where the identity is only assumed and `--assume` is not given. `truncated`
    counts by member the entries that were too many to be kept.
    """

    id: str | None
    short_id: str | None
    name: str | None = None
    hostname: str | None = None
    image: Image = Image()
    created_at: str | None = None
    started_at: str | None = None
    inspected_at: str | None = None
    state: str | None = None
    health: Health | None = None
    restart_count: int | None = None
    restart_policy: RestartPolicy | None = None
    command: tuple[str, ...] | None = None
    user: str | None = None
    working_dir: str | None = None
    env: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None
    ports: Mapping[str, Mapping[str, int | None]] | None = None
    port_bindings: Mapping[str, tuple[PortBinding, ...]] | None = None
    networks: Mapping[str, Network] | None = None
    mounts: tuple[Mount, ...] | None = None
    limits: Limits | None = None
    compose: Compose | None = None
    swarm: Swarm | None = None
    kubernetes: Kubernetes | None = None
    stop: Stop | None = None
    stopping: Stopping | None = None
    memory_events: MemoryEvents | None = None
    host: Host | None = None
    previous_run: Run | None = None
    truncated: Mapping[str, int] | None = None
    identity: IdentitySummary
    engine: Engine | None = None

    def host_port(self, port: int, protocol: str = "tcp") -> int | None:
        """The first port of the host that leads to a port of the container.

        None where it is not published, or where there is no engine to ask.
        """
        return (self.ports or {}).get(str(port), {}).get(protocol)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything about the container at one moment; replaced as a whole, never changed.

    `inspect` is the engine's own JSON, already masked. `failure` is why there is no engine.
    `kubernetes` is from the kubelet's mounts, which need no identity.
    """

    identity: Identity
    self: Self | None = None
    inspect: Json = None
    engine: Engine | None = None
    tried: tuple[Attempt, ...] = ()
    failure: EngineFailure | None = None
    kubernetes: Kubernetes | None = None
