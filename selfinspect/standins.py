"""Loads libraries without modules that they name: nothing here uses those, or only later.

What is not loaded takes neither time nor memory. What stands in a module's place is everybody's
meanwhile: the agent loads its libraries before it has threads.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager


def standing_in(member: Callable[[str], object], *modules: str) -> AbstractContextManager[None]:
    """Have stand-ins in the place of modules while the context lasts.

    Args:
        member: makes what a stand-in has under a name.
        modules: their names.
    """
    return _in_place({name: _module(name, member) for name in modules})


def absent(*modules: str) -> AbstractContextManager[None]:
    """Have no such modules while the context lasts, as in a Python that was built without them."""
    return _in_place(dict.fromkeys(modules))


def when_used(*modules: str) -> AbstractContextManager[None]:
    """Load modules whose import is asked for in the context when a member of theirs is used."""
    return _in_place({name: _promise(name) for name in modules if name not in sys.modules})


@contextmanager
def _in_place(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    before = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)  # type: ignore[arg-type]  # an import of what is None fails
    try:
        yield
    finally:
        for name, each in modules.items():
            if sys.modules.get(name) is each:
                del sys.modules[name]
        sys.modules.update(before)


def _module(name: str, member: Callable[[str], object]) -> ModuleType:
    module = ModuleType(name)
    vars(module)["__getattr__"] = member
    return module


def _promise(name: str) -> ModuleType:
    def member(of: str) -> object:
        if sys.modules.get(name) is promise:
            del sys.modules[name]
        return getattr(import_module(name), of)

    promise = _module(name, member)
    return promise
