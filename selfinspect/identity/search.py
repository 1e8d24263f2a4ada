"""Looking for ourselves among all running containers, where no candidate stands.

Under `--network container:B` with a private cgroup namespace our ID stands nowhere in `/proc`.
The search is bounded: it asks each container once for its inspect document, and a handful for
their processes, for each such question is an event, and the engine keeps 256 of them.

What an inspect document has in common with what we know of ourselves. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.errors import IdentityError
from selfinspect.identity.questions import Unanswered
from selfinspect.jsonread import mapping, member, sequence, text
from selfinspect.times import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from selfinspect.identity.evidence import Evidence
    from selfinspect.identity.proof import Examiner
    from selfinspect.identity.questions import Finding
    from selfinspect.model import Json

MOST_CONTAINERS = 512
MOST_NONCES = 8
SECONDS = 5.0


class NotAmongThemError(IdentityError):
    """Each running container was disproved: the engine is another's."""


def search(
    evidence: Evidence,
    examiner: Examiner,
    clock: Callable[[], float],
) -> Finding:
    """Find the running container that we are, and prove it.

    Args:
        evidence: what narrows the search: layer, start time, addresses.
        examiner: asks, and remembers what was asked before, and of whom.
        clock: monotonic seconds.

    Raises:
        NotAmongThemError: none of them can be us.
        IdentityError: none could be found and proven within the bounds.
    """
    end = clock() + SECONDS
    survivors, unread = [], 0
    for identifier in _running(examiner):
        _check(clock, end)
        finding = examiner.compare(identifier)
        if finding.verdict == "proven":
            return finding
        if "inspect" in examiner.denied:
            raise IdentityError(f"the running containers cannot be inspected ({finding.reason})")
        if finding.open:
            survivors.append(finding)
        unread += finding.verdict == "unknown" and not finding.open
    # The order decides who is asked first, never who is left out.
    survivors.sort(
        key=lambda finding: (
            start_agrees(evidence, finding.inspect) is not True,
            not shares_address(evidence, finding.inspect),
        )
    )
    remaining = len(survivors) + unread
    for finding in survivors[:MOST_NONCES]:
        _check(clock, end)
        asked = examiner.examine(finding.id or "")
        if asked.verdict == "proven":
            return asked
        remaining -= asked.verdict == "disproved"
        if "top" in examiner.denied or not examiner.namespaces:
            break  # nobody else can be proven, either
    if not remaining:
        raise NotAmongThemError("no running container of this engine can be this one")
    raise IdentityError(_why(len(survivors), examiner))


def _running(examiner: Examiner) -> Collection[str]:
    running = examiner.running()
    if isinstance(running, Unanswered):
        raise IdentityError(f"the running containers cannot be listed ({running.reason})")
    if len(running) > MOST_CONTAINERS:
        raise IdentityError(
            f"{len(running)} containers run, and at most {MOST_CONTAINERS} are searched"
        )
    return running


def _check(clock: Callable[[], float], end: float) -> None:
    if clock() > end:
        raise IdentityError(f"the search was not done within {SECONDS:g} s")


def _why(survivors: int, examiner: Examiner) -> str:
    if examiner.denied:
        refusals = "; ".join(error.detail for error in examiner.denied.values())
        return f"no running container can be proven ({refusals})"
    if not examiner.namespaces:
        return "no running container can be proven (its ps does not tell mount namespaces)"
    if survivors > MOST_NONCES:
        return f"{survivors} containers may be this one, and at most {MOST_NONCES} are tried"
    return "no running container of this engine could be proven to be this one"


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
