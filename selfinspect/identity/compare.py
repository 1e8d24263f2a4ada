"""What an inspect document has in common with what we know of ourselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.engine.access import mapping, member, sequence, text
from selfinspect.times import nanoseconds

if TYPE_CHECKING:
    from selfinspect.identity.evidence import Evidence
    from selfinspect.model import Json

START_TOLERANCE = 2.0
"""Seconds between the engine's word on a container's start and that of its PID 1."""

STAMPED = "/.dockerenv"
"""The file that an engine makes when it creates a container."""

_SECOND = 10**9


def start_matches(evidence: Evidence, inspect: Json) -> bool | None:
    """Whether the candidate started when our PID 1 did; None where that tells nothing."""
    if evidence.started_at is None:
        return None
    try:
        started = nanoseconds(text(inspect, "State", "StartedAt") or "")
    except ValueError:
        return None
    return abs(started / _SECOND - evidence.started_at) <= START_TOLERANCE


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
    return any(text(network, "MacAddress") in evidence.macs for network in networks)
