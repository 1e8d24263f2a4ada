"""What is mounted at our `/`, and how far that may be used as proof of which container this is.

The writable layer and the date of `/.dockerenv` belong to whatever file system our process has at
`/`. That need not be our container's: a process can be put into another container's files
(`chroot` into its merged folder, `nsenter --mount`), and what an engine or runc inside a container
starts has a *folder* of the outer container's layer there. PID 1 tells: a mount has one ID on the
whole machine, so `/` is ours where our own PID 1 has the same mount.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.kernel.mountinfo import mounted_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfinspect.kernel.mountinfo import Mount

Standing: TypeAlias = Literal["ours", "perhaps", "unknown"]


@dataclass(frozen=True, slots=True)
class Root:
    """What our `/` is.

    Attributes:
        whole: the file system's own top is mounted there, not a folder of it.
        overlay: it is an overlay, whose top is what an engine mounts for a container.
        of_init: whether PID 1 has the same mount there; None where that cannot be read.
    """

    whole: bool = False
    overlay: bool = False
    of_init: bool | None = None

    def entered(self, *, own_pids: bool | None) -> bool:
        """Whether our process was put into mounts that are another's, as PID 1's show."""
        return self.of_init is (not own_pids)

    def standing(self, *, own_pids: bool | None) -> Standing:
        """Whether it is our container's own: `perhaps` where other evidence has to agree.

        Args:
            own_pids: whether the PID namespace is ours, so that PID 1 is in our container. Where
                it is not, or that is not known, a `/` that is PID 1's was entered.
        """
        if own_pids:
            return "ours" if self.of_init else "unknown"
        return "perhaps" if self.of_init is False else "unknown"


def root_of(mounts: Sequence[Mount], of_init: Sequence[Mount]) -> Root:
    """Our `/`, beside that of PID 1."""
    ours, theirs = mounted_at(mounts, "/"), mounted_at(of_init, "/")
    if ours is None:
        return Root()
    return Root(
        whole=ours.root == "/",
        overlay=ours.type == "overlay",
        of_init=None if theirs is None else ours.id == theirs.id,
    )
