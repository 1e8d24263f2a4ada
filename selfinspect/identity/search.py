"""The search for ourselves among all running containers, where no candidate could be proven.

Under `--network container:B` with a private cgroup namespace our ID is nowhere in `/proc`. The
search is bounded: it asks for the inspect document of each container once, and for the processes of
a handful, because each list of processes is an event, and the engine keeps only 256 events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.errors import EngineAnswerError, IdentityError
from selfinspect.identity.findings import shares_address, start_agrees

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from selfinspect.identity.findings import Finding
    from selfinspect.identity.proof import Examiner

MOST_CONTAINERS = 512
_MOST_NONCES = 8
_SECONDS = 5.0


class NotAmongThemError(IdentityError):
    """Raised when each running container was disproved: the engine is another's."""


def search(examiner: Examiner, clock: Callable[[], float]) -> Finding:
    """Find the running container that we are, and prove it.

    Args:
        examiner: asks the engine, and remembers what was asked before.
        clock: monotonic seconds.

    Raises:
        NotAmongThemError: none of them can be us.
        IdentityError: none could be found and proven within the bounds.
    """
    evidence, end = examiner.evidence, clock() + _SECONDS
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
    # The order decides which is asked first, and never leaves one out.
    survivors.sort(
        key=lambda finding: (
            start_agrees(evidence, finding.inspect) is not True,
            not shares_address(evidence, finding.inspect),
        )
    )
    remaining = len(survivors) + unread
    for finding in survivors[:_MOST_NONCES]:
        _check(clock, end)
        asked = examiner.examine(finding.id or "")
        if asked.verdict == "proven":
            return asked
        remaining -= asked.verdict == "disproved"
        if "top" in examiner.denied or not examiner.namespaces:
            break  # none of the others can be proven, either
    if not remaining:
        raise NotAmongThemError("no running container of this engine can be this one")
    raise IdentityError(_why(len(survivors), examiner))


def _running(examiner: Examiner) -> Collection[str]:
    running = examiner.running()
    if isinstance(running, EngineAnswerError):
        raise IdentityError(f"the running containers cannot be listed ({running.detail})")
    if len(running) > MOST_CONTAINERS:
        raise IdentityError(
            f"{len(running)} containers are running, and at most {MOST_CONTAINERS} are searched"
        )
    return running


def _check(clock: Callable[[], float], end: float) -> None:
    if clock() > end:
        raise IdentityError(f"the search did not finish within {_SECONDS:g} s")


def _why(survivors: int, examiner: Examiner) -> str:
    if examiner.denied:
        refusals = "; ".join(error.detail for error in examiner.denied.values())
        return f"no running container can be proven ({refusals})"
    if not examiner.namespaces:
        return "no running container can be proven (the host's ps shows no mount namespaces)"
    if survivors > _MOST_NONCES:
        return f"{survivors} containers may be this one, and at most {_MOST_NONCES} are tried"
    return "no running container of this engine could be proven to be this one"
