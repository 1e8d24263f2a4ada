"""The command line of `run`: what is its own, what is the agent's, and the command."""

from __future__ import annotations

from selfinspect.duration import parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HELP = """\
Usage: selfinspect run [OPTIONS] -- CMD...

Run CMD with the agent beside it: forward signals to CMD, reap orphans, and exit as CMD
did: its code, 128 + signal, 127 not found, 126 not executable. An agent that fails never
stops CMD.

Options:
  --wait DURATION  Hold CMD back until the agent is ready, at most that long (500ms, 5s,
                   2m). [env: SELFINSPECT_WAIT; default: 0]
  -h, --help       Show this text.

All other options are the agent's: see `selfinspect serve --help`.
"""


class Arguments:
    """A parsed command line.

    Attributes:
        wait: seconds to hold the command back for the agent at most.
        agent_options: what `serve` gets.
        listen: where the API was asked to listen, as written; none is the default.
        metrics_listen: the same for the metrics; `off` is none.
        command: the app and its arguments.
    """

    __slots__ = ("agent_options", "command", "listen", "metrics_listen", "wait")

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        if "--" not in arguments:
            raise ValueError("no `--` before the command")
        split = arguments.index("--")
        self.command = list(arguments[split + 1 :])
        if not self.command:
            raise ValueError("no command after `--`")
        waits, self.agent_options = _extract("--wait", arguments[:split])
        wait = waits[-1] if waits else environ.get("SELFINSPECT_WAIT") or "0"
        try:
            self.wait = parse_duration(wait)
        except ValueError as error:
            raise ValueError(f"--wait {error}") from error
        self.listen = _asked("--listen", self.agent_options, environ)
        self.metrics_listen = _asked("--metrics-listen", self.agent_options, environ)


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Whether `--help` stands among the options, not in the command."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "-h" in options or "--help" in options


def _extract(flag: str, options: Sequence[str]) -> tuple[list[str], list[str]]:
    """Every value of a flag, as `--flag value` or `--flag=value`, and the other options."""
    values, others = [], []
    remaining = iter(options)
    for option in remaining:
        if option == flag:
            values.append(next(remaining, ""))
        elif option.startswith(f"{flag}="):
            values.append(option.removeprefix(f"{flag}="))
        else:
            others.append(option)
    return values, others


def _asked(flag: str, options: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """What an option of the agent says, else its environment variable."""
    values, _ = _extract(flag, options)
    variable = "SELFINSPECT_" + flag.removeprefix("--").replace("-", "_").upper()
    return values or [text.strip() for text in environ.get(variable, "").split(",") if text.strip()]
