r"""The mounts of a process, as `/proc/PID/mountinfo` lists them: proc_pid_mountinfo(5). Pure.

The one parser of that file. It imports nothing, because PID 1 loads it, too.

A line is `ID PARENT DEVICE ROOT POINT OPTIONS [OPTIONAL…] - TYPE SOURCE SUPER_OPTIONS`. The kernel
writes space, tab, newline and backslash in a field as `\ooo`. Some file systems write their own
options with spaces in them (9p of WSL), so everything behind the source is options.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_BEFORE_SEPARATOR = 6
_DELETED = "//deleted"
_OCTAL = 3  # digits of an escape
_ESCAPED = " \t\n\\"


class Mount:
    """One line, unescaped.

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


def parse(text: str) -> list[Mount]:
    """The mounts in the kernel's order, in which a later one covers an earlier one.

    Lines of another form are left out.
    """
    found = []
    for line in text.split("\n"):
        fields = line.split(" ")
        if fields[0].isdecimal() and "-" in fields[_BEFORE_SEPARATOR:]:
            found.append(Mount(fields, fields.index("-", _BEFORE_SEPARATOR)))
    return found


def mounted_at(mounts: Iterable[Mount], point: str) -> Mount | None:
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
