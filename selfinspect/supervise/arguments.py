"""The command line of `run`: what is its own, what is the agent's, and the command."""

from __future__ import annotations

from selfinspect.duration import parse_duration
from selfinspect.supervise.record import DEFAULT_FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_YES = ("1", "true", "t", "yes", "y", "on")
_NO = ("", "0", "false", "f", "no", "n", "off")

HELP = """\
Usage: selfinspect run [OPTIONS] -- CMD...

Run CMD with the agent beside it: forward signals to CMD, reap orphans, and exit as CMD
did: its code, 128 + signal, 127 not found, 126 not executable. An agent that fails never
stops CMD.

Options:
  --wait DURATION           Hold CMD back until the agent is ready, at most that long
                            (500ms, 5s, 2m). [env: SELFINSPECT_WAIT; default: 0]
  --export-env              Tell CMD in its environment what `selfinspect env` prints: the
                            container's ID, name and image, SELFINSPECT_HOST_PORT_8080_TCP
                            and the like. Waits 5s unless --wait says how long. What is not
                            known by then is unset. [env: SELFINSPECT_EXPORT_ENV]
  -g, --signal-group        Forward signals to CMD's whole process group.
                            [env: SELFINSPECT_SIGNAL_GROUP]
  --user UID[:GID]          Run CMD as this user, in its groups alone; numbers or names.
                            Takes root. [env: SELFINSPECT_USER]
  --agent-user UID[:GID]    Run the agent as this user, another one than CMD's. It keeps the
                            groups that may open the engine's socket. Takes root.
                            [env: SELFINSPECT_AGENT_USER]
  -h, --help                Show this text.

All other options are the agent's: see `selfinspect serve --help`.

Examples:
  selfinspect run -- python3 app.py
  ENTRYPOINT ["selfinspect", "run", "--wait", "5s", "--"]

Exit codes:
  125  An option above is wrong. All others are CMD's.
"""


class Arguments:
    """A parsed command line.

    Attributes:
        wait: seconds to hold the command back for the agent at most.
        export_env: whether the command's environment tells of the container.
        signal_group: whether signals go to the command's whole process group.
        user: whom the command runs as, as written; None for ourselves.
        agent_user: the same for the agent.
        agent_options: what `serve` gets.
        listen: where the API was asked to listen, as written; none is the default.
        metrics_listen: the same for the metrics; `off` is none.
        engine: where the engine was said to be, as written.
        journal: the folder in which the runs are written down.
        token_file: where the API's token is, as written, `auto` for one of our own; None for none.
        tls: whether the agent speaks TLS beyond loopback.
        command: the app and its arguments.
    """

    __slots__ = (
        "agent_options",
        "agent_user",
        "command",
        "engine",
        "export_env",
        "journal",
        "listen",
        "metrics_listen",
        "signal_group",
        "tls",
        "token_file",
        "user",
        "wait",
    )

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        if "--" not in arguments:
            raise ValueError("no `--` before the command")
        split = arguments.index("--")
        self.command = list(arguments[split + 1 :])
        if not self.command:
            raise ValueError("no command after `--`")
        options = list(arguments[:split])
        self.export_env = _flag(("--export-env",), options, environ)
        self.signal_group = _flag(("--signal-group", "-g"), options, environ)
        self.user = _value("--user", options, environ)
        self.agent_user = _value("--agent-user", options, environ)
        wait = _value("--wait", options, environ)
        if wait is None:
            wait = "5s" if self.export_env else "0"
        try:
            self.wait = parse_duration(wait)
        except ValueError as error:
            raise ValueError(f"--wait {error}") from error
        self.agent_options = options
        self.listen = _asked("--listen", options, environ)
        self.metrics_listen = _asked("--metrics-listen", options, environ)
        self.engine = _asked("--engine", options, environ)
        self.token_file = _last("--token-file", options, environ)
        self.tls = _last("--tls-cert", options, environ) is not None
        self.journal = _last("--journal", options, environ) or DEFAULT_FOLDER


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Whether `--help` stands among the options, not in the command."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "-h" in options or "--help" in options


def _value(flag: str, options: list[str], environ: Mapping[str, str]) -> str | None:
    """What an option of ours says; it is taken out of the options."""
    text = _last(flag, options, environ)
    _, options[:] = _extract(flag, options)
    return text


def _last(flag: str, options: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """What an option says last, else its variable, where that is not empty."""
    values, _ = _extract(flag, options)
    return values[-1] if values else environ.get(_variable(flag)) or None


def _flag(names: Sequence[str], options: list[str], environ: Mapping[str, str]) -> bool:
    """Whether a switch of ours stands among the options, or is on in its variable."""
    given = any(name in options for name in names)
    options[:] = [option for option in options if option not in names]
    variable = _variable(names[0])
    text = environ.get(variable, "")
    if given or text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueError(f"{variable} {text!r}: takes true or false")


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
    texts = environ.get(_variable(flag), "").split(",")
    return values or [text.strip() for text in texts if text.strip()]


def _variable(flag: str) -> str:
    return "SELFINSPECT_" + flag.removeprefix("--").replace("-", "_").upper()
