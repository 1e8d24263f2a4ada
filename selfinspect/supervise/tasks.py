"""How many tasks the container may have, and whether that leaves room for an agent."""

from __future__ import annotations

from selfinspect.kernel.cgroup_file import UNIFIED, parse
from selfinspect.supervise.suppress import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM = 32
"""Tasks below which none is taken from the command: an agent needs up to a dozen threads."""

_CGROUPS = "/proc/self/cgroup"
_TREE = "/sys/fs/cgroup"


def tasks_allowed(cgroups: str = _CGROUPS, tree: str = _TREE) -> int | None:
    """The limit of `docker run --pids-limit`, None where there is none, or none can be seen.

    Args:
        cgroups: where the kernel lists our cgroups, see cgroups(7).
        tree: where they are mounted.
    """
    for file in _files(cgroups, tree):
        with suppress(OSError, ValueError), open(file, "rb") as limit:  # noqa: PTH123
            return int(limit.read())
    return None


def _files(cgroups: str, tree: str) -> Iterator[str]:
    """Where the limit may be: below our path in the tree, or at the top of what we see of it."""
    with suppress(OSError), open(cgroups, "rb") as file:  # noqa: PTH123
        for cgroup in parse(file.read().decode(errors="surrogateescape")):
            if "pids" in cgroup.controllers:
                yield f"{tree}/pids{cgroup.path}/pids.max"
            elif UNIFIED in cgroup.controllers:
                yield f"{tree}{cgroup.path}/pids.max"
    yield f"{tree}/pids/pids.max"
    yield f"{tree}/pids.max"
