"""The records that travel: frozen, slotted, without behaviour. Unknown is None, never zero.

Times are RFC 3339 in UTC with nine digits and `Z`; sizes are bytes; durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

Source: TypeAlias = Literal[
    "option",
    "cgroup",
    "cgroup-mount",
    "containerenv",
    "secrets-mount",
    "hostname-file",
    "hosts-file",
    "resolv-file",
    "shm-mount",
    "hostname",
    "cpuset",
    "ecs",
    "search",
]
Scope: TypeAlias = Literal["container", "network", "ipc", "pid"]
Verdict: TypeAlias = Literal["proven", "confirmed", "disproved", "unknown", "chosen", "ignored"]
Level: TypeAlias = Literal["proven", "confirmed", "observed", "assumed"]
Method: TypeAlias = Literal["layer", "stamp", "nonce", "engine", "kernel", "option"]
Access: TypeAlias = Literal["allowed", "denied", "unsupported", "unknown"]
CAPABILITIES = ("inspect", "stats", "events", "top", "logs", "changes", "image", "info")
StatsSource: TypeAlias = Literal["engine", "kernel"]
EventSource: TypeAlias = Literal["live", "replay", "reconciled"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A container ID that stands somewhere, and what came of it.

    `id` is 64 lower-case hex digits, or a shorter name that only an engine can resolve.
    `evidence` is the text in which it stood; `reason` says why the verdict is what it is.
    """

    id: str
    source: Source
    scope: Scope
    evidence: str
    verdict: Verdict = "unknown"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which container this is, how sure that is, and why."""

    id: str | None
    level: Level | None
    method: Method | None
    name: str | None = None
    reason: str | None = None
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A place where an engine was looked for, and the outcome in a word or two.

    `detail` is the outcome in a sentence and `hint` what a person can do about it, None where the
    engine answered. `guessed` is a place that nobody named and no mount brought: the gateway.
    """

    endpoint: str
    outcome: str
    detail: str | None = field(default=None, compare=False)
    hint: str | None = field(default=None, compare=False)
    guessed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that answers, and the API version spoken with it."""

    endpoint: str
    product: str
    version: str | None
    api_version: str


@dataclass(frozen=True, slots=True)
class Reach:
    """An engine that answers, and how far our access to it goes.

    `encrypted` is None for a Unix socket, which leaves no machine. `capabilities` has what has been
    asked for already, by the name of the request.
    """

    engine: Engine
    encrypted: bool | None = None
    min_api_version: str | None = None
    os: str | None = None
    kernel: str | None = None
    capabilities: Mapping[str, Access] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image:
    """The image of a container: as typed, its ID, and its repository digests."""

    reference: str | None = None
    id: str | None = None
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One run of the container's own health check."""

    start: str | None
    end: str | None
    exit_code: int | None
    output: str


@dataclass(frozen=True, slots=True)
class Health:
    """The engine's verdict on the container's health check."""

    status: str
    failing_streak: int
    log: tuple[HealthCheck, ...]


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When the engine starts the container again."""

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
    """What binds the container; None is unlimited."""

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
    """The container's place in a Kubernetes cluster."""

    namespace: str | None
    pod: str | None
    container: str | None


@dataclass(frozen=True, slots=True)
class IdentitySummary:
    """How sure the identity is, as the document about ourselves carries it."""

    level: Level
    method: Method


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the container, from start to end."""

    number: int
    started_at: str | None
    finished_at: str | None
    exit_code: int | None
    signal: str | None
    oom_killed: bool | None
    cause: Literal["exit", "oom", "killed", "stopped", "engine-restart", "unknown"]
    sources: tuple[str, ...] = ()
    evidence: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Self:
    """What a container knows about itself: the document of `/v1/self`, already masked.

    `ports` maps a container port and protocol to the first host port bound to it, None where
    it is exposed and not published. `inspected_at` is when the engine said all this.
    """

    id: str
    short_id: str
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
    previous_run: Run | None = None
    identity: IdentitySummary
    engine: Engine | None = None


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU time used since the container started, in seconds, and how it was held back.

    `percent` is as the docker CLI computes it: 100 is one CPU, since the sample taken
    `percent_interval_seconds` before; None on the first. `periods` and the throttled figures
    stand only under a quota.
    """

    usage_seconds: float | None = None
    user_seconds: float | None = None
    system_seconds: float | None = None
    percent: float | None = None
    percent_interval_seconds: float | None = None
    online: int | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory charged to the container. `percent` is the working set's share of the limit."""

    usage_bytes: int | None = None
    working_set_bytes: int | None = None
    rss_bytes: int | None = None
    cache_bytes: int | None = None
    swap_bytes: int | None = None
    peak_bytes: int | None = None
    limit_bytes: int | None = None
    percent: float | None = None
    oom_kills: int | None = None


@dataclass(frozen=True, slots=True)
class Interface:
    """Traffic of one network interface since it came up."""

    rx_bytes: int | None
    rx_packets: int | None
    rx_errors: int | None
    rx_dropped: int | None
    tx_bytes: int | None
    tx_packets: int | None
    tx_errors: int | None
    tx_dropped: int | None


@dataclass(frozen=True, slots=True)
class Device:
    """What was read from and written to one block device."""

    read_bytes: int | None
    write_bytes: int | None
    reads: int | None
    writes: int | None


@dataclass(frozen=True, slots=True)
class Pids:
    """Tasks in the container, and how many it may have; None is unlimited."""

    current: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Stall:
    """Time in which some (waiting) or all (stalled) tasks waited for a resource."""

    waiting_seconds: float | None = None
    stalled_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Pressure:
    """Pressure stall information, of cgroup v2 alone."""

    cpu: Stall = field(default_factory=Stall)
    memory: Stall = field(default_factory=Stall)
    io: Stall = field(default_factory=Stall)


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes moved between the container and a block device by one kind of operation, `Read`."""

    device: str
    major: int
    minor: int
    operation: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Detail:
    """Figures that only the metrics carry.

    `system_seconds` is the machine's CPU time over all CPUs, which `percent` is measured
    against; `per_cpu_seconds` stands on cgroup v1 alone. The page faults are those of the whole
    container, the `own_` ones those outside of cgroups below it, which v2 doesn't tell apart.
    `tasks_limit` is 0 where there is none.
    """

    system_seconds: float | None = None
    per_cpu_seconds: tuple[float, ...] = ()
    mapped_file_bytes: int | None = None
    active_file_bytes: int | None = None
    inactive_file_bytes: int | None = None
    failcnt: int | None = None
    page_faults: int | None = None
    major_page_faults: int | None = None
    own_page_faults: int | None = None
    own_major_page_faults: int | None = None
    tasks_limit: int | None = None
    transfers: tuple[Transfer, ...] = ()


@dataclass(frozen=True, slots=True)
class Specification:
    """What binds the container, as the metrics tell it: 0 is unlimited, None unknown.

    A quota is CPU time in microseconds a period; without one both are None.
    """

    memory_bytes: int | None = None
    memory_swap_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    cpu_shares: int | None = None
    cpu_quota: int | None = None
    cpu_period: int | None = None


@dataclass(frozen=True, slots=True)
class Processes:
    """The container's processes, and what they hold open; None where not all let us see."""

    count: int
    file_descriptors: int | None
    sockets: int | None


@dataclass(frozen=True, slots=True)
class Filesystem:
    """The file system that the container's root lies on. 0 inodes: it counts none."""

    device: str
    size_bytes: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of the container's resources: the document of `/v1/stats`, with `detail`."""

    read_at: str
    source: StatsSource
    cpu: Cpu = field(default_factory=Cpu)
    memory: Memory = field(default_factory=Memory)
    network: Mapping[str, Interface] | None = None
    io: Mapping[str, Device] | None = None
    pids: Pids = field(default_factory=Pids)
    pressure: Pressure = field(default_factory=Pressure)
    detail: Detail = field(default_factory=Detail)


@dataclass(frozen=True, slots=True)
class Actor:
    """Whom an event is about."""

    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the container, in the order in which it arrived here."""

    cursor: str
    seq: int
    run: int | None
    time: str
    type: str
    action: str
    actor: Actor
    attributes: Mapping[str, Json]
    source: EventSource


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is known at one moment; swapped whole, never changed.

    `inspect` is the engine's own JSON, already masked. `failure` is why there is no engine.
    """

    identity: Identity
    self: Self | None = None
    inspect: Json = None
    engine: Engine | None = None
    tried: tuple[Attempt, ...] = ()
    failure: EngineFailure | None = None


@dataclass(frozen=True, slots=True)
class EngineFailure:
    """Why the engine gives nothing now, and what a person can do about it."""

    detail: str
    hint: str | None = None
    denied: bool = False
