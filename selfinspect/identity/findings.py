"""What an engine's answers say about a candidate: its inspect document, its processes. Pure.

The list of processes is the nonce's: our process has a random name while the engine makes it. A
name is readable in every `/proc` of the machine, and a neighbour can copy it within milliseconds.
So it proves only where exactly one row has it, that row is in our own mount namespace, whose number
nobody can choose, and the candidate's first process is in that namespace, too: the list of an outer
container holds the rows of the containers inside it, but its first process has other mounts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.engine.quirks import first_process
from selfinspect.frozen import dataclass
from selfinspect.jsonread import mapping, member, sequence, text
from selfinspect.times import SECOND, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfinspect.engine.inspect.listings import Process
    from selfinspect.engine.quirks import Lister
    from selfinspect.identity.evidence import Evidence
    from selfinspect.model import Json, Method, Verdict

STAMPED = "/.dockerenv"
"""The file that an engine makes when it creates a container."""

_START_TOLERANCE = 2.0  # seconds between the start that an engine reports and what we see of it
_DEFUNCT = " <defunct>"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one candidate, by the engine's answers so far.

    Attributes:
        verdict: `proven`, `disproved`, or `unknown` as long as no proof decides.
        id: the full ID, None where the engine reports none.
        stranger: the engine has no such container.
        seen: our name is in its list of processes, which shows no namespaces.
    """

    verdict: Verdict
    reason: str
    id: str | None = None
    method: Method | None = None
    inspect: Json = None
    stranger: bool = False
    seen: bool = False

    @property
    def open(self) -> bool:
        """Whether the engine has the container and nothing is decided yet."""
        return self.verdict == "unknown" and self.id is not None

    def proven(self, method: Method, reason: str) -> Finding:
        """The same, once a proof succeeded."""
        return replace(self, verdict="proven", method=method, reason=reason)

    def disproved(self, reason: str) -> Finding:
        """The same, once it is certain that we are not that container."""
        return replace(self, verdict="disproved", reason=reason)

    def undecided(self, reason: str, *, seen: bool = False) -> Finding:
        """The same, after a proof that decided nothing."""
        return replace(self, reason=reason, seen=seen or self.seen)


@dataclass(frozen=True, slots=True)
class Sought:
    """Our own process, as it is to be found in a list of processes.

    Attributes:
        name: the one that it had while the list was made.
        mount_namespace: the number of ours, None where it cannot be read.
        own_pids: whether the PID namespace is certainly ours alone.
        hidden: the candidate's runtime, or our own kernel, keeps processes from that list.
    """

    name: str
    mount_namespace: str | None
    own_pids: bool
    hidden: bool


def name_of(inspect: Json) -> str | None:
    """The container's name, without the engine's slash."""
    return (text(inspect, "Name") or "").removeprefix("/") or None


def is_running(inspect: Json) -> bool:
    """Whether the engine reports that the container has processes."""
    return text(inspect, "State", "Status") in ("running", "paused")


def start_agrees(evidence: Evidence, inspect: Json) -> bool | None:
    """Whether the candidate started when we did; None where there is nothing to compare.

    Its start is near that of our PID 1, where that is ours, or near the moment at which our
    `/etc/hostname` was written, where that file is the candidate's.
    """
    moments = [] if evidence.started_at is None else [evidence.started_at]
    written = evidence.hostname_written
    if written is not None and written[0] == text(inspect, "Id"):
        moments.append(written[1])
    started = moment(member(inspect, "State", "StartedAt"))
    if started is None or not moments:
        return None
    return any(abs(started / SECOND - ours) <= _START_TOLERANCE for ours in moments)


def started_with_us(evidence: Evidence, inspect: Json) -> bool:
    """Whether the candidate certainly started when our own PID 1 did.

    The age of a file that containers can share does not count.
    """
    return start_agrees(replace(evidence, hostname_written=None), inspect) is True


def pids_contradict(evidence: Evidence, inspect: Json) -> str | None:
    """Why the candidate's PID namespace cannot be ours, None where it can."""
    mode = member(inspect, "HostConfig", "PidMode")
    if not isinstance(mode, str) or evidence.own_pids is None:
        return None
    if (mode in ("", "private")) == evidence.own_pids:
        return None
    return (
        "it shares a PID namespace, and ours is private"
        if evidence.own_pids
        else "its PID namespace is private, and ours is shared"
    )


def has_volumes(inspect: Json) -> bool:
    """Whether the engine would mount volumes to read the stamp, or read a mount in its place."""
    mounts = sequence(inspect, "Mounts")
    return not isinstance(member(inspect, "Mounts"), list) or any(
        text(mount, "Type") == "volume" or text(mount, "Destination") == STAMPED for mount in mounts
    )


def shares_address(evidence: Evidence, inspect: Json) -> bool:
    """Whether an interface of ours has an address of the container's."""
    networks = mapping(inspect, "NetworkSettings", "Networks").values()
    return any(
        text(network, "MacAddress") in evidence.macs or text(network, "IPAddress") in evidence.ips
        for network in networks
    )


def network_owner(inspect: Json) -> str | None:
    """The ID or name of the container whose network a container joined, None for its own."""
    kind, _, name = (text(inspect, "HostConfig", "NetworkMode") or "").partition(":")
    return name if name and kind == "container" else None


def joined_network(inspect: Json, owner: Json) -> bool:
    """Whether a container joined the network of another."""
    name = network_owner(inspect)
    if name is None:
        return False
    return (text(owner, "Id") or "").startswith(name) or name == name_of(owner)


def by_processes(finding: Finding, rows: Sequence[Process], sought: Sought, by: Lister) -> Finding:
    """The verdict on a candidate by the list of its processes, which `by` made."""
    if not rows:
        return finding.undecided("the engine lists no processes of it")
    named = [row for row in rows if row.name.removesuffix(_DEFUNCT) == sought.name]
    if len(named) == 1:
        return _by_our_row(finding, named[0], rows, sought, by)
    if named:
        return finding.undecided("several of its processes have our temporary name")
    if sought.hidden:
        return finding.undecided("its runtime hides its processes from the host")
    return finding.disproved("our process is not in its list of processes")


def _by_our_row(
    finding: Finding, row: Process, rows: Sequence[Process], sought: Sought, by: Lister
) -> Finding:
    """The verdict where exactly one row has our name."""
    if by == "image" or row.mount_namespace is None or sought.mount_namespace is None:
        reason = "our process's name is in its list of processes, which shows no mount namespaces"
        return finding.undecided(reason, seen=True)
    if row.mount_namespace == sought.mount_namespace:
        return _by_first_row(finding, rows, sought, by)
    reason = "one of its processes has copied our name"
    return finding.undecided(reason) if sought.hidden else finding.disproved(reason)


def _by_first_row(finding: Finding, rows: Sequence[Process], sought: Sought, by: Lister) -> Finding:
    """The verdict where that row is in our mount namespace: is the candidate's first process?"""
    pid = first_process(by, finding.inspect)
    first = next((row.mount_namespace for row in rows if row.pid == pid), None)
    if first is None:
        reason = "our process is in its list of processes, which does not show its first one"
        return finding.undecided(reason, seen=True)
    if first != sought.mount_namespace:
        return finding.disproved("our process is in a container nested inside it")
    if by == "namespace" and not sought.own_pids:
        # The list is of all who share the PID namespace, not of the container.
        return finding.undecided("our process is in its PID namespace, which may be shared")
    return finding.proven("nonce", "our process is in its list of processes")
