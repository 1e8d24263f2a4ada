"""Being the one who inherits orphans, where that is not PID 1's part."""

from __future__ import annotations

import os

_PR_SET_CHILD_SUBREAPER = 36


def inherit_orphans() -> None:
    """Have the orphans below us become our children, as PID 1's they do anyway.

    In a PID namespace that is shared, PID 1 may be another's app that reaps none. `ctypes` costs
    0.7 MiB and is the one way to `prctl`; where it is not to be had, orphans go to PID 1.
    """
    if os.getpid() == 1:
        return
    try:
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError, MemoryError, AttributeError):
        pass
