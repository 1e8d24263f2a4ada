"""Signals by name and by number, as options and engines write them. Pure.

`_signal` is what the standard library's `signal` wraps. The interpreter has it already, and the
wrapper loads `enum`: 5 ms before PID 1 could start the command.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal

_RTMIN, _RTMAX = 34, 64
"""As engines count them, whatever libc runs here: musl's own SIGRTMIN is 35."""

_LONGEST = 16  # characters: `SIGRTMIN+29` has eleven


def signal_name(number: int) -> str | None:
    """`SIGTERM` for 15; None where a signal has no name of its own.

    Of two names the first in the alphabet is the usual one: SIGABRT, SIGCHLD, SIGIO.
    """
    if number >= _RTMIN:
        return {_RTMIN: "SIGRTMIN", _RTMAX: "SIGRTMAX"}.get(number)
    names = (name for name in vars(signal) if name.startswith("SIG") and "_" not in name)
    return min((name for name in names if getattr(signal, name) == number), default=None)


def signal_number(text: str) -> int | None:
    """The signal that `15`, `TERM`, `SIGTERM` or `RTMIN+3` means, None where it means none."""
    name, offset = text.upper().removeprefix("SIG"), "0"
    if name.startswith(("RTMIN+", "RTMAX-")):
        name, offset = name[:5], name[5:]
    digits = offset[1:] if offset[:1] in ("+", "-") else offset
    if len(text) > _LONGEST or not (text.isascii() and name.isalnum() and digits.isdecimal()):
        return None
    ends: dict[str, int] = {"RTMIN": _RTMIN, "RTMAX": _RTMAX}
    named = ends.get(name, getattr(signal, f"SIG{name}", 0))
    number = int(name if name.isdecimal() else named) + int(offset)
    return number if number in signal.valid_signals() else None
