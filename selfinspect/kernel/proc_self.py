r"""Two files by which the kernel says where a process is: its mounts and its cgroups. Pure.

The one parser of each. It imports nothing, because PID 1 loads it, too.

`/proc/PID/mountinfo`, proc_pid_mountinfo(5): a line is
`ID PARENT DEVICE ROOT POINT OPTIONS [OPTIONAL…] - TYPE SOURCE SUPER_OPTIONS`. The kernel writes
space, tab, newline and backslash in a field as `\ooo`. Some file systems write their own options
with spaces in them (9p of WSL), so everything behind the source is options.

`/proc/PID/cgroup`, cgroups(7): a line is `NUMBER:CONTROLLERS:PATH`, one for each hierarchy. That of
cgroup v2 has the number 0 and no controllers; each of v1 has another number and its controllers'
names, or `name=NAME`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

UNIFIED = ""
"""The name under which the hierarchy of cgroup v2 stands among the controllers."""

_OF_NAMES = "_=., -"

_BEFORE_SEPARATOR = 6
_DELETED = "//deleted"
_OCTAL = 3  # digits of an escape
_ESCAPED = " \t\n\\"


class MountLine:
    """One line of mountinfo, unescaped.

    Attributes:
        id: the mount's ID, which no other mount of the machine has while this one is there.
        root: the folder or file of the file system that is mounted, without `//deleted`.
        deleted: whether that folder or file was removed since.
        point: where it is mounted, below the process's root.
        type: of the file system: `overlay`, `ext4`, `cgroup2`.
        source: what is mounted: a device, or any word.
        options: of the file system, as opposed to those of the mount.
    """

    __slots__ = ("deleted", "id", "options", "point", "root", "source", "type")

    def __init__(self, fields: list[str], separator: int) -> None:
        root = unescaped(fields[3])
        kind, source, *options = [*fields[separator + 1 :], "", ""]
        self.id = fields[0]
        self.root = root.removesuffix(_DELETED)
        self.deleted = self.root != root
        self.point = unescaped(fields[4])
        self.type = kind
        self.source = unescaped(source)
        self.options = tuple(map(unescaped, " ".join(options).strip(" ").split(",")))

    @property
    def upperdir(self) -> str | None:
        """The writable layer of an overlay, None for anything else."""
        found = [option for option in self.options if option.startswith("upperdir=")]
        return found[-1].removeprefix("upperdir=") if found else None


def parse_mounts(text: str) -> list[MountLine]:
    """The mounts in the kernel's order, in which a later one covers an earlier one.

    Lines of another form are left out.
    """
    found = []
    for line in text.split("\n"):
        fields = line.split(" ")
        if fields[0].isdecimal() and "-" in fields[_BEFORE_SEPARATOR:]:
            found.append(MountLine(fields, fields.index("-", _BEFORE_SEPARATOR)))
    return found


def mounted_at(mounts: Iterable[MountLine], point: str) -> MountLine | None:
    """The mount that is seen at a mount point: the last one there."""
    found = None
    for mount in mounts:
        if mount.point == point:
            found = mount
    return found


def unescaped(field: str) -> str:
    r"""A field as it was before the kernel wrote `\ooo` for some of its bytes."""
    first, *others = field.split("\\")
    pieces = [first]
    for piece in others:
        digits = piece[:_OCTAL]
        if len(digits) == _OCTAL and all(digit in "01234567" for digit in digits):
            pieces.append(chr(int(digits, 8)) + piece[_OCTAL:])
        else:
            pieces.append("\\" + piece)
    return "".join(pieces)


def escaped(field: str) -> str:
    """A field as the kernel writes it: on one line, and one word."""
    return "".join(f"\\{ord(each):03o}" if each in _ESCAPED else each for each in field)


class CgroupLine:
    """One line of a process's cgroups.

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


def parse_cgroups(text: str) -> list[CgroupLine]:
    """The lines in the kernel's order; those of another form are left out."""
    found = []
    for line in text.split("\n"):
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        unified = number == "0" and not names
        named = number.isdecimal() and number != "0" and _are_names(names)
        if path.startswith("/") and (unified or named):
            found.append(CgroupLine(line, names.split(",") if names else [UNIFIED], path))
    return found


def _are_names(names: str) -> bool:
    return bool(names) and all(each.isalnum() or each in _OF_NAMES for each in names)
