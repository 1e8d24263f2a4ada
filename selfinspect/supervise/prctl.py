"""What Linux does for a process by prctl(2), where that is not PID 1's part anyway.

The interpreter reaches it by `_ctypes` alone, of which `ctypes` would cost 5 ms and 0.7 MiB more;
where that is not to be had, we go without.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def inherit_orphans() -> None:
    """Have the orphans below us become our children.

    In a PID namespace that is shared, PID 1 may be another's app that reaps none.
    """
    if os.getpid() != 1:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int, number: int) -> None:
    """Have the kernel send us a signal as soon as our parent is dead.

    With PID 1 all end. Another parent may be killed by whoever supervises it, and started anew
    beside what it has left. Whoever becomes another user has to ask afterwards.

    Args:
        parent: its process ID.
        number: the signal.
    """
    if parent == 1:
        return
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it was dead before it could be watched
        os.kill(os.getpid(), number)


def _prctl(option: int, argument: int) -> None:
    try:
        from _ctypes import call_function, dlopen, dlsym  # noqa: PLC0415

        this_program: Any = None  # and every library in it
        call_function(dlsym(dlopen(this_program, 0), "prctl"), (option, argument, 0, 0, 0))
    except (ImportError, OSError, MemoryError, AttributeError):
        pass
