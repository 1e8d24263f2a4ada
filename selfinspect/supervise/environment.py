"""The environment that the container was given, which is the command's too."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# The name under which the folder with an interpreter of its own (deploy/standalone.sh) keeps
# LD_PRELOAD from that interpreter: a library of the image's fits the image's C library.
_PRELOAD = "SELFINSPECT_LD_PRELOAD"


def as_given(environ: Mapping[str, str], file: str = "/proc/self/environ") -> dict[str, str]:
    """An environment less what the start of this interpreter has made of it.

    Python itself adds `LC_CTYPE` where the locale is C's.

    Args:
        environ: the interpreter's.
        file: where the kernel has what this process was started with.
    """
    given = dict(environ)
    if _PRELOAD in given:
        given["LD_PRELOAD"] = given.pop(_PRELOAD)
    try:
        with open(file, "rb") as started_with:  # noqa: PTH123
            names = {entry.partition(b"=")[0] for entry in started_with.read().split(b"\0")}
    except OSError:
        return given
    if b"LC_CTYPE" not in names:
        given.pop("LC_CTYPE", None)
    return given
