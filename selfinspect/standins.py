"""Loads libraries without modules that they name and that nothing here uses.

What is not loaded takes neither time nor memory.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def standing_in(member: Callable[[str], object], *modules: str) -> Iterator[None]:
    """Have stand-ins in the place of modules while the context lasts; a loaded one stays itself.

    They are everybody's meanwhile: the agent loads its libraries before it has threads.

    Args:
        member: makes what a stand-in has under a name.
        modules: their names.
    """
    added = [name for name in modules if name not in sys.modules]
    for name in added:
        sys.modules[name] = stand_in = ModuleType(name)
        vars(stand_in)["__getattr__"] = member
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]
