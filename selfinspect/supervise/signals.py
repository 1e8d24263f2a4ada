"""Signals as PID 1 treats them: blocked from the start, taken one by one, named by options.

`_signal`, and not the standard library's `signal`: see `kernel.signals`.
"""

from __future__ import annotations

from selfinspect.kernel.signals import signal_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as signal  # noqa: PLC0414 - handed on
    from collections.abc import Collection
else:
    import _signal as signal

CATCHABLE = frozenset(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})

# The interpreter ignores these from its start on, and nothing shows later whether they had been
# ignored before: the command gets their defaults.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


class Given:
    """The mask and the ignored signals that `run` was started with.

    Attributes:
        mask: the signals that were blocked.
        ignored: the signals that were ignored, as far as can be seen.
    """

    __slots__ = ("ignored", "mask")

    def __init__(self, mask: Collection[int] = (), ignored: Collection[int] = ()) -> None:
        self.mask = mask
        self.ignored = ignored

    def restore(self) -> None:
        """Make both what they were; in a process that is about to become the command."""
        for number in (*_IGNORED_BY_PYTHON, signal.SIGINT, signal.SIGCHLD):
            ignored = number in self.ignored
            signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def clear(self) -> None:
        """Make every signal's action the default, and block none; for the agent."""
        for number in (*self.ignored, *_IGNORED_BY_PYTHON, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


def block_signals(mask: Collection[int] | None = None) -> Given:
    """Let signals wait until `Supervisor.run` takes them; return what there was before.

    PID 1 needs this: the kernel drops a signal that PID 1 has no handler for, but keeps one that
    it blocks. A fault of our own still ends us.

    Args:
        mask: what was blocked before, where they are blocked already.
    """
    if mask is None:
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, CATCHABLE)
    numbers = CATCHABLE.difference(_IGNORED_BY_PYTHON)
    given = Given(mask, {each for each in numbers if signal.getsignal(each) == signal.SIG_IGN})
    # Inherited as ignored it would have the kernel reap our children, exit codes and all.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return given


def parse_rewrite(text: str) -> tuple[int, int]:
    """The signal that comes and the one to send in its place, 0 for none: `TERM:QUIT`, `15:0`.

    Raises:
        ValueError: the text does not name two signals; the message says what it takes.
    """
    first, _, second = text.partition(":")
    came = signal_number(first)
    sent = 0 if second == "0" else signal_number(second)
    if came not in CATCHABLE or came == signal.SIGCHLD or sent is None:
        raise ValueError(
            f"{text!r}: takes FROM:TO, signals by name or number such as TERM:QUIT; TO 0 drops FROM"
        )
    return came, sent


def parse_signal(text: str) -> int:
    """The signal of a name or a number.

    Raises:
        ValueError: the text does not name one that can be caught.
    """
    number = signal_number(text)
    if number not in CATCHABLE:
        raise ValueError(f"{text!r}: takes a signal such as QUIT, SIGUSR1 or 12")
    return number
