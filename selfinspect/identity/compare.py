"""What an inspect document has in common with what we know of ourselves. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.engine.access import mapping, member, sequence, text
from selfinspect.times import nanoseconds

if TYPE_CHECKING:
    from selfinspect.identity.evidence import Evidence
    from selfinspect.model import Json

START_TOLERANCE = 2.0
"""Seconds between the engine's word on a container's start and what we see of it."""

STAMPED = "/.dockerenv"
"""The file that an engine makes when it creates a container."""

_SECOND = 10**9


def start_agrees(evidence: Evidence, inspect: Json) -> bool | None:
    """Whether the candidate started when we did; None where there is nothing to compare.

    Its start is near that of our PID 1, where that is ours, or near the moment at which our
    `/etc/hostname` was written, where that file is the candidate's.
    """
    moments = []
    if evidence.started_at is not None:
        moments.append(evidence.started_at)
    written = evidence.hostname_written
    if written is not None and written[0] == text(inspect, "Id"):
        moments.append(written[1])
    started = _started(inspect)
    if started is None or not moments:
        return None
    return any(abs(started - moment) <= START_TOLERANCE for moment in moments)


def started_with_us(evidence: Evidence, inspect: Json) -> bool:
    """Whether the candidate is known to have started when our own PID 1 did.

    The age of a file that containers can share says nothing of us.
    """
    started = _started(inspect)
    if started is None or evidence.started_at is None:
        return False
    return abs(started - evidence.started_at) <= START_TOLERANCE


def _started(inspect: Json) -> float | None:
    """Unix seconds; None for a container that never started, whose year is the first."""
    try:
        started = nanoseconds(text(inspect, "State", "StartedAt") or "") / _SECOND
    except ValueError:
        return None
    return started if started > 0 else None


def is_running(inspect: Json) -> bool:
    """Whether the engine says that a container has processes."""
    return text(inspect, "State", "Status") in ("running", "paused")


def pids_contradict(evidence: Evidence, inspect: Json) -> str | None:
    """Why the candidate's PID namespace cannot be ours, None where it can."""
    mode = member(inspect, "HostConfig", "PidMode")
    if not isinstance(mode, str) or evidence.own_pids is None:
        return None
    if (mode in ("", "private")) == evidence.own_pids:
        return None
    return "its PID namespace is " + ("shared, ours is not" if evidence.own_pids else "its own")


def has_volumes(inspect: Json) -> bool:
    """Whether the engine would mount volumes to read a file, or read a mount in its place."""
    mounts = sequence(inspect, "Mounts")
    return not isinstance(member(inspect, "Mounts"), list) or any(
        text(mount, "Type") == "volume" or text(mount, "Destination") == STAMPED for mount in mounts
    )


def shares_address(evidence: Evidence, inspect: Json) -> bool:
    """Whether an interface of ours has the address of one of the container's."""
    networks = mapping(inspect, "NetworkSettings", "Networks").values()
    return any(
        text(network, "MacAddress") in evidence.macs or text(network, "IPAddress") in evidence.ips
        for network in networks
    )


def joined_network(inspect: Json, owner: Json) -> bool:
    """Whether a container shares the network of another, which its owner's ID or name tells."""
    mode = text(inspect, "HostConfig", "NetworkMode") or ""
    name = mode.removeprefix("container:")
    identifier = text(owner, "Id") or ""
    named = (text(owner, "Name") or "/").removeprefix("/")
    return mode != name and bool(name) and (identifier.startswith(name) or name == named)
