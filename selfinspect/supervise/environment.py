"""What the start of this interpreter has made of the environment that the container was given.

The command inherits the environment of the process itself, entries that a mapping could not hold
(without a name, without `=`, or twice) as they are; what differs is a change: a value, or None for
a variable to take away.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# The name under which the folder with an interpreter of its own (deploy/standalone.sh) keeps
# LD_PRELOAD from that interpreter: a library of the image's fits the image's C library.
_PRELOAD = "SELFINSPECT_LD_PRELOAD"
_LOCALE = "LC_CTYPE"


def changes_back(
    environ: Mapping[str, str], file: str = "/proc/self/environ"
) -> dict[str, str | None]:
    """The changes that undo those of the interpreter's start.

    Python itself sets `LC_CTYPE` where the locale is C's.

    Args:
        environ: the interpreter's.
        file: where the kernel has what this process was started with.
    """
    changes: dict[str, str | None] = {}
    if _PRELOAD in environ:
        changes["LD_PRELOAD"] = environ[_PRELOAD]
        changes[_PRELOAD] = None
    if _LOCALE in environ:
        try:
            given = _value(_LOCALE.encode(), file)
        except OSError:
            return changes
        if given != environ[_LOCALE]:
            changes[_LOCALE] = given
    return changes


def _value(name: bytes, file: str) -> str | None:
    """A variable's value at this process's start, None where it had none.

    Raises:
        OSError: the kernel does not show it.
    """
    with open(file, "rb") as started_with:  # noqa: PTH123
        for entry in started_with.read().split(b"\0"):
            key, _, value = entry.partition(b"=")
            if key == name:
                return value.decode(errors="surrogateescape")
    return None
