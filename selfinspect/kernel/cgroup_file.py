"""The cgroups of a process, as `/proc/PID/cgroup` lists them: cgroups(7). Pure.

The one parser of that file. It imports nothing.

A line is `NUMBER:CONTROLLERS:PATH`, one for each hierarchy. That of cgroup v2 has the number 0 and
no controllers; each of v1 has another number and its controllers' names, or `name=NAME`.
"""

from __future__ import annotations

UNIFIED = ""
"""The name under which the hierarchy of cgroup v2 stands among the controllers."""

_OF_NAMES = "_=., -"


class Cgroup:
    """One line.

    Attributes:
        line: the whole of it.
        controllers: those of the hierarchy; `UNIFIED` alone for that of cgroup v2.
        path: of the process's cgroup, below the root of its cgroup namespace.
    """

    __slots__ = ("controllers", "line", "path")

    def __init__(self, line: str, controllers: list[str], path: str) -> None:
        self.line = line
        self.controllers = controllers
        self.path = path

    @property
    def outside(self) -> bool:
        """Whether it lies outside our cgroup namespace: a neighbour's, or the machine's."""
        return ".." in self.path.split("/")


def parse(text: str) -> list[Cgroup]:
    """The lines in the kernel's order; those of another form are left out."""
    found = []
    for line in text.split("\n"):
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        unified = number == "0" and not names
        named = number.isdecimal() and number != "0" and _are_names(names)
        if path.startswith("/") and (unified or named):
            found.append(Cgroup(line, names.split(",") if names else [UNIFIED], path))
    return found


def _are_names(names: str) -> bool:
    return bool(names) and all(each.isalnum() or each in _OF_NAMES for each in names)
