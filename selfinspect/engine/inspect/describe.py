"""The engine's inspect JSON, already masked, as the document about ourselves. Pure.

Field meanings follow the engine's API reference for `ContainerInspect` and `ImageInspect`; the
labels are those that orchestrators write on the containers they start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.engine.inspect.limits import limits
from selfinspect.errors import IdentityError
from selfinspect.jsonread import (
    boolean,
    decimal,
    integer,
    mapping,
    sequence,
    text,
    text_mapping,
    texts,
)
from selfinspect.model import (
    SHORT_ID,
    Compose,
    Health,
    HealthCheck,
    Host,
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Engine, Identity, Json, StopSource

DEFAULT_STOP_SIGNAL = "SIGTERM"
_SHELL = ("/bin/sh", "-c")


def describe(
    inspect: Json,
    *,
    identity: Identity,
    engine: Engine,
    image: Json,
    info: Json,
    inspected_at: str,
    truncated: Mapping[str, int],
    kubernetes: Kubernetes | None = None,
    limited: bool = True,
) -> Self:
    """Our own document from our own inspect.

    Args:
        inspect: the masked inspect document of the container.
        identity: which container that is; it has an ID.
        engine: the engine that returned it.
        image: the image's inspect document, None where the engine did not return it.
        info: what the engine reports of its machine, None where it did not.
        inspected_at: when the engine was asked.
        kubernetes: the pod, by the kubelet's mounts.
        truncated: how much of it was not kept, by member.
        limited: whether the limits hold: none does where the engine gives no cgroups.
    """
    identifier, summary = _stands(identity)
    labels = text_mapping(inspect, "Config", "Labels")
    bindings = _bindings(inspect)
    return Self(
        id=identifier,
        short_id=identifier[:SHORT_ID],
        identity=summary,
        name=(text(inspect, "Name") or "").removeprefix("/") or None,
        hostname=text(inspect, "Config", "Hostname"),
        image=Image(
            reference=text(inspect, "Config", "Image"),
            id=text(inspect, "Image"),
            digests=None if image is None else texts(image, "RepoDigests"),
        ),
        created_at=times.normalized(text(inspect, "Created")),
        started_at=times.normalized(text(inspect, "State", "StartedAt")),
        inspected_at=inspected_at,
        state=text(inspect, "State", "Status"),
        health=_health(inspect),
        restart_count=integer(inspect, "RestartCount"),
        restart_policy=RestartPolicy(
            name=text(inspect, "HostConfig", "RestartPolicy", "Name") or "no",
            maximum_retries=integer(inspect, "HostConfig", "RestartPolicy", "MaximumRetryCount")
            or 0,
        ),
        command=(text(inspect, "Path") or "", *texts(inspect, "Args")),
        user=text(inspect, "Config", "User") or "",
        working_dir=text(inspect, "Config", "WorkingDir") or "",
        env=_environment(texts(inspect, "Config", "Env")),
        labels=labels,
        ports=_ports(bindings),
        port_bindings=bindings,
        networks={
            name: _network(network)
            for name, network in mapping(inspect, "NetworkSettings", "Networks").items()
        },
        mounts=_mounts(inspect),
        limits=limits(inspect) if limited else Limits(),
        compose=compose_of(labels),
        swarm=swarm_of(labels),
        kubernetes=kubernetes_of(labels) or kubernetes,
        stop=_stop(inspect, image),
        host=_host(info),
        truncated=truncated,
        engine=engine,
    )


def without_engine(
    identity: Identity,
    *,
    hostname: str | None,
    limits: Limits | None = None,
    kubernetes: Kubernetes | None = None,
    assume: bool = False,
) -> Self:
    """Our own document without an engine: what only an engine has is None.

    Args:
        identity: which container this is; where that is only assumed, the document has no ID.
        hostname: of the kernel.
        limits: of our cgroup.
        kubernetes: the pod, by the kubelet's mounts.
        assume: have an assumed ID all the same.
    """
    identifier, summary = _stands(identity)
    used = identifier if assume or identity.level != "assumed" else None
    return Self(
        id=used,
        short_id=used[:SHORT_ID] if used else None,
        name=identity.name,
        hostname=hostname,
        limits=limits,
        kubernetes=kubernetes,
        identity=summary,
    )


def _stands(identity: Identity) -> tuple[str, IdentitySummary]:
    if identity.id is None or identity.level is None or identity.method is None:
        raise IdentityError(identity.reason or "no evidence of a container was found")
    return identity.id, IdentitySummary(level=identity.level, method=identity.method)


def _health(inspect: Json) -> Health | None:
    status = text(inspect, "State", "Health", "Status")
    if status is None or status == "none":
        return None
    return Health(
        # Podman's word for a check that has not ended yet since the container went on.
        status="starting" if status == "reset" else status,
        failing_streak=integer(inspect, "State", "Health", "FailingStreak") or 0,
        log=tuple(
            HealthCheck(
                start=times.normalized(text(entry, "Start")),
                end=times.normalized(text(entry, "End")),
                exit_code=integer(entry, "ExitCode"),
                output=text(entry, "Output") or "",
            )
            for entry in sequence(inspect, "State", "Health", "Log")
        ),
    )


def _stop(inspect: Json, image: Json) -> Stop:
    """How the container is stopped: its own word for it, else its image's.

    The engine copies the image's stop signal into the container, a timeout it does not.
    """
    own = integer(inspect, "Config", "StopTimeout")
    seconds = integer(image, "Config", "StopTimeout") if own is None else own
    source: StopSource = "image" if own is None else "container"
    return Stop(
        signal=text(inspect, "Config", "StopSignal")
        or text(image, "Config", "StopSignal")
        or DEFAULT_STOP_SIGNAL,
        timeout_seconds=seconds,
        source=None if seconds is None else source,
    )


def _host(info: Json) -> Host | None:
    """The engine's machine, by its `/info`."""
    if info is None:
        return None
    return Host(
        name=text(info, "Name"),
        os=text(info, "OperatingSystem"),
        kernel=text(info, "KernelVersion"),
        architecture=text(info, "Architecture"),
        cpus=integer(info, "NCPU"),
        memory_bytes=integer(info, "MemTotal"),
    )


def _environment(entries: tuple[str, ...]) -> Mapping[str, str]:
    """What the container has: an entry without `=` removes a variable, the image's for one."""
    found: dict[str, str] = {}
    for entry in entries:
        name, separator, value = entry.partition("=")
        if separator:
            found[name] = value
        else:
            found.pop(name, None)
    return found


def _bindings(inspect: Json) -> Mapping[str, tuple[PortBinding, ...]]:
    """Every exposed port with the host's addresses that lead to it, in the engine's order."""
    published = mapping(inspect, "NetworkSettings", "Ports")
    exposed = mapping(inspect, "Config", "ExposedPorts")
    return {
        port: tuple(
            PortBinding(host_ip=text(binding, "HostIp") or "", host_port=host_port)
            for binding in sequence(published.get(port))
            if (host_port := decimal(text(binding, "HostPort"))) is not None
        )
        for port in sorted({*published, *exposed}, key=_port_order)
    }


def _port_order(port: str) -> tuple[int, str]:
    return (decimal(port.partition("/")[0]) or 0, port)


def _ports(
    bindings: Mapping[str, tuple[PortBinding, ...]],
) -> Mapping[str, Mapping[str, int | None]]:
    ports: dict[str, dict[str, int | None]] = {}
    for port, hosts in bindings.items():
        number, _, protocol = port.partition("/")
        ports.setdefault(number, {})[protocol or "tcp"] = hosts[0].host_port if hosts else None
    return ports


def _network(network: Json) -> Network:
    return Network(
        ip=text(network, "IPAddress"),
        ipv6=text(network, "GlobalIPv6Address"),
        gateway=text(network, "Gateway"),
        mac=text(network, "MacAddress"),
        aliases=texts(network, "Aliases"),
    )


def _mounts(inspect: Json) -> tuple[Mount, ...]:
    """The engine's mounts, and the `--tmpfs` ones that it lists apart."""
    listed = tuple(
        Mount(
            type=text(mount, "Type") or "",
            source=text(mount, "Source"),
            destination=text(mount, "Destination") or "",
            name=text(mount, "Name"),
            read_only=boolean(mount, "RW") is False,
        )
        for mount in sequence(inspect, "Mounts")
    )
    tmpfs = tuple(
        Mount(
            type="tmpfs",
            source=None,
            destination=destination,
            name=None,
            read_only="ro" in options.split(","),
        )
        for destination, options in text_mapping(inspect, "HostConfig", "Tmpfs").items()
    )
    return listed + tmpfs


def compose_of(labels: Mapping[str, str]) -> Compose | None:
    """The place in a Compose project; None outside of one."""
    project = labels.get("com.docker.compose.project")
    if project is None:
        return None
    return Compose(
        project=project,
        service=labels.get("com.docker.compose.service"),
        number=decimal(labels.get("com.docker.compose.container-number")),
    )


def swarm_of(labels: Mapping[str, str]) -> Swarm | None:
    """The place in a Swarm; None outside of one.

    A task's name is `<service>.<slot>.<task ID>`; a global service has a node's ID as slot.
    """
    task = labels.get("com.docker.swarm.task.name")
    if task is None:
        return None
    parts = task.rsplit(".", 2)
    return Swarm(
        service=labels.get("com.docker.swarm.service.name"),
        task=task,
        slot=decimal(parts[1]) if len(parts) == 3 else None,  # noqa: PLR2004
        node=labels.get("com.docker.swarm.node.id"),
    )


def kubernetes_of(labels: Mapping[str, str]) -> Kubernetes | None:
    """The place in a Kubernetes cluster, as the kubelet labels it; None outside of one."""
    pod = labels.get("io.kubernetes.pod.name")
    if pod is None:
        return None
    return Kubernetes(
        namespace=labels.get("io.kubernetes.pod.namespace"),
        pod=pod,
        pod_uid=labels.get("io.kubernetes.pod.uid"),
        container=labels.get("io.kubernetes.container.name"),
    )


def command_line(inspect: Json) -> str | None:
    """The command that the engine runs for each check, None where there is none.

    Its words stand side by side, as in the event; see daemon/health.go of moby.
    """
    kind, *words = texts(inspect, "Config", "Healthcheck", "Test") or ("NONE",)
    if kind == "CMD-SHELL":
        words = [*(texts(inspect, "Config", "Shell") or _SHELL), *words]
    return " ".join(words).strip() if words and kind in ("CMD", "CMD-SHELL") else None


def health_check(inspect: Json) -> Json:
    """As much of an inspect document as `command_line` looks at."""
    config = mapping(inspect, "Config")
    return {"Config": {name: config.get(name) for name in ("Healthcheck", "Shell")}}
