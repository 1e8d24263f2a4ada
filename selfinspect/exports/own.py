"""The variables of the set `self`, and which sets are wanted and get through to a command. Pure.

The sets are the words of `--export-env` and of `env --what`.
"""

from __future__ import annotations

from selfinspect.exports import MASK
from selfinspect.exports.size import RUNTIMES, USUAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Literal

    from selfinspect.model import Self

    Unfit = Literal[
        "masked", "not text for an environment", "over 4 KiB", "past 64 KiB of variables in all"
    ]

RESOURCE = "OTEL_RESOURCE_ATTRIBUTES"
"""OpenTelemetry's own variable, of the set `otel`."""

LONGEST_VALUE = 4096
"""Bytes of a value; a variable with a longer one is left out."""

LONGEST_SET = 64 * 1024
"""Bytes of all variables together; those past that are left out."""

_PREFIX = "SELFINSPECT_"
_HOST_PORT = f"{_PREFIX}HOST_PORT_"

SETS = ("self", "otel", "size")

_ENGINE = "no engine"
_COMPOSE = "the labels of Compose"
_SWARM = "the labels of Swarm"
_NOT_COMPOSE = "no engine, or not of a Compose project"
_NOT_SWARM = "no engine, or not a task of a Swarm service"
_RUNS = "the runs of this container (`selfinspect runs`)"
_FIRST = "the first run, or it is unknown how the one before ended"
_LIMIT = "the container's limits"


class Fact:
    """A variable of the set.

    Attributes:
        name: the variable's.
        value: from the container's document; None where that lacks it.
        source: where the value comes from, in words.
        absent: when it is not set, in words.
    """

    __slots__ = ("absent", "name", "source", "value")

    def __init__(
        self, name: str, value: Callable[[Self], object], source: str, absent: str
    ) -> None:
        self.name = _PREFIX + name
        self.value = value
        self.source = source
        self.absent = absent


def exported(own: Self, gateway: str | None = None) -> dict[str, str]:
    """The variables of a container; what is unknown or not published has none.

    `SELFINSPECT_HOST_PORT_8080_TCP` is the host port that leads to 8080/tcp.

    Args:
        own: the container's document, masked.
        gateway: where its default route leads.
    """
    variables = {row.name: row.value(own) for row in rows(gateway)}
    for port, protocols in (own.ports or {}).items():
        for protocol, host_port in protocols.items():
            # An engine's words become a name that shells evaluate.
            if f"{port}{protocol}".isascii() and f"{port}{protocol}".isalnum():
                variables[f"{_HOST_PORT}{port}_{protocol.upper()}"] = host_port
    return {name: str(value) for name, value in variables.items() if value not in (None, "")}


def rows(gateway: str | None = None) -> tuple[Fact, ...]:
    """The table of the set.

    Args:
        gateway: where the default route leads; None without one.
    """
    return (
        Fact("CONTAINER_ID", lambda own: own.id, "the identity", "it is refused or only assumed"),
        Fact("CONTAINER_NAME", lambda own: own.name, "inspect", _ENGINE),
        Fact("CONTAINER_IMAGE", lambda own: own.image.reference, "inspect, as typed", _ENGINE),
        Fact("IMAGE_ID", lambda own: own.image.id, "inspect", _ENGINE),
        Fact("IMAGE_DIGEST", lambda own: (own.image.digests or (None,))[0],
            "the image's first repository digest", "no engine, or an image of no repository"),
        Fact("IMAGE_VERSION", lambda own: _label(own, "org.opencontainers.image.version"),
            "the label `org.opencontainers.image.version`", "no engine or no such label"),
        Fact("IMAGE_REVISION", lambda own: _label(own, "org.opencontainers.image.revision"),
            "the label `org.opencontainers.image.revision`", "no engine or no such label"),
        Fact("COMPOSE_PROJECT", lambda own: own.compose and own.compose.project,
            _COMPOSE, _NOT_COMPOSE),
        Fact("COMPOSE_SERVICE", lambda own: own.compose and own.compose.service,
            _COMPOSE, _NOT_COMPOSE),
        Fact("COMPOSE_NUMBER", lambda own: own.compose and own.compose.number,
            f"{_COMPOSE}: the replica's number", _NOT_COMPOSE),
        Fact("SWARM_SERVICE", lambda own: own.swarm and own.swarm.service, _SWARM, _NOT_SWARM),
        Fact("SWARM_TASK", lambda own: own.swarm and own.swarm.task, _SWARM, _NOT_SWARM),
        Fact("SWARM_SLOT", lambda own: own.swarm and own.swarm.slot,
            f"{_SWARM}: the replica's number", f"{_NOT_SWARM}, or of a global one"),
        Fact("SWARM_NODE", lambda own: own.swarm and own.swarm.node, _SWARM, _NOT_SWARM),
        Fact("HOST_NAME", lambda own: own.host and own.host.name, "the engine's machine", _ENGINE),
        Fact("IP", lambda own: _address_behind(own, gateway),
            "the container's address in the network of the default route",
            "no engine, or the network is another's"),
        Fact("RESTART_COUNT", lambda own: own.restart_count, "inspect", _ENGINE),
        Fact("PREVIOUS_CAUSE", lambda own: own.previous_run and own.previous_run.cause,
            _RUNS, _FIRST),
        Fact("PREVIOUS_EXIT_CODE", lambda own: own.previous_run and own.previous_run.exit_code,
            _RUNS, _FIRST),
        Fact("CPUS", _cpus, _LIMIT, "no limit"),
        Fact("MEMORY_BYTES", lambda own: own.limits and own.limits.memory_bytes,
            _LIMIT, "no limit"),
        Fact("STOP_TIMEOUT_SECONDS", lambda own: own.stop and own.stop.timeout_seconds,
            "inspect's `StopTimeout`, else `run --stop-timeout`", "not configured"),
    )  # fmt: skip


def fitting(variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Unfit]]:
    """Those that an environment can carry, in their order; and why each other one is left out."""
    kept: dict[str, str] = {}
    left_out: dict[str, Unfit] = {}
    left = LONGEST_SET
    for name, value in variables.items():
        try:
            length = len(value.encode(errors="surrogateescape"))
        except UnicodeEncodeError:
            length = -1
        size = len(name) + length + 2  # `=` and a NUL
        if length < 0 or "\0" in value:
            left_out[name] = "not text for an environment"
        elif MASK in value:
            left_out[name] = "masked"
        elif length > LONGEST_VALUE:
            left_out[name] = "over 4 KiB"
        elif size > left:
            left_out[name] = "past 64 KiB of variables in all"
        else:
            kept[name] = value
            left -= size
    return kept, left_out


def is_exported(name: str) -> bool:
    """Whether a variable of this name is one of the set `self`."""
    return name in _NAMES or name.startswith(_HOST_PORT)


class Wanted:
    """The sets that are asked for.

    Attributes:
        own: whether the container's facts are (`self`).
        otel: whether OpenTelemetry's resource attributes are.
        runtimes: whose sizes are; empty for none.
    """

    __slots__ = ("otel", "own", "runtimes")

    def __init__(
        self, *, own: bool = False, otel: bool = False, runtimes: Iterable[str] = ()
    ) -> None:
        self.own = own
        self.otel = otel
        self.runtimes = frozenset(runtimes)

    def __bool__(self) -> bool:
        return self.needs_agent or bool(self.runtimes)

    @property
    def needs_agent(self) -> bool:
        """Whether anything is wanted that only the agent has: PID 1 reads the sizes itself."""
        return self.own or self.otel

    def admitted(self, offered: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
        """What an environment gets of the variables that the agent offers: only names of the sets.

        So that nothing an engine sends the agent can set a variable that runs code.

        Args:
            offered: the agent's.
            environ: the environment as it is; its resource attributes have to come first.
        """
        own = {name: value for name, value in offered.items() if self.includes(name) and value}
        attributes = own.get(RESOURCE, "")
        if not attributes.strip() or not attributes.startswith(environ.get(RESOURCE, "").rstrip()):
            own.pop(RESOURCE, None)
        return own

    def fitting(
        self, variables: Mapping[str, str], left_out: Mapping[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Those that an environment can carry, and why each other one is left out.

        Args:
            variables: what would be added.
            left_out: what the agent has left out, wanted or not, and why.
        """
        kept, unfit = fitting(variables)
        return kept, {name: left_out[name] for name in left_out if self.includes(name)} | unfit

    def includes(self, name: str) -> bool:
        """Whether a variable that the agent offers is of a set that is asked for."""
        return self.otel if name == RESOURCE else self.own and is_exported(name)


def parse_wanted(text: str) -> Wanted:
    """What a list such as `self,otel,size` or `size:go,web` asks for.

    `size` is every runtime's usual variables; `size:` and names narrow it to those, and are the
    only way to get what is not usual.

    Raises:
        ValueError: a word is neither a set nor, after `size:`, a runtime.
    """
    chosen: set[str] = set()
    runtimes: set[str] = set()
    narrowed = False
    for word in text.split(","):
        name = word.strip()
        if name.startswith("size:"):
            narrowed = True
            name = name.removeprefix("size:")
        if narrowed and name in RUNTIMES:
            runtimes.add(name)
        elif name in SETS:
            chosen.add(name)
        else:
            takes = f"{', '.join(SETS)}, and size:RUNTIME with {', '.join(RUNTIMES)}"
            raise ValueError(f"{name!r} is unknown: it takes {takes}")
    if "size" in chosen:
        runtimes.add(USUAL)
    return Wanted(own="self" in chosen, otel="otel" in chosen, runtimes=runtimes)


def _address_behind(own: Self, gateway: str | None) -> str | None:
    """The container's address in the network of a gateway, None where it is in no such network."""
    for network in (own.networks or {}).values():
        if gateway is not None and network.gateway == gateway:
            return network.ip
    return None


def _label(own: Self, name: str) -> str | None:
    return (own.labels or {}).get(name)


def _cpus(own: Self) -> str | None:
    limit = own.limits.cpus if own.limits else None
    return None if limit is None else f"{limit:.12g}"


_NAMES = frozenset(row.name for row in rows())
