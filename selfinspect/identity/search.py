"""Looking for ourselves among all running containers, where no candidate stands.

Under `--network container:B` with a private cgroup namespace our ID stands nowhere in `/proc`.
The search is bounded: it asks each container once for its inspect document, and a handful for
their processes, for each such question is an event, and the engine keeps 256 of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.errors import IdentityError
from selfinspect.identity.compare import shares_address, start_agrees
from selfinspect.identity.questions import Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from selfinspect.identity.evidence import Evidence
    from selfinspect.identity.proof import Examiner
    from selfinspect.identity.questions import Finding

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
