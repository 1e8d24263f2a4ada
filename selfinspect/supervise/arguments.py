"""The command line of `run`: what is its own, what is the agent's, and the command."""

from __future__ import annotations

from selfinspect.duration import parse_duration
from selfinspect.listen import parse_listen
from selfinspect.supervise.record import DEFAULT_FOLDER
from selfinspect.supervise.signals import parse_rewrite, parse_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from selfinspect.exports.own import Wanted
    from selfinspect.listen import ListenAddress

    T = TypeVar("T")
    D = TypeVar("D")

_YES = ("1", "true", "t", "yes", "y", "on")
_NO = ("", "0", "false", "f", "no", "n", "off")
_OFF = "off"
_WAIT_TO_EXPORT = 5.0
_OWN = "self"
_LAST_EXIT_CODE = 255

HELP = """\
Usage: selfinspect run [OPTIONS] -- CMD...

Run CMD with the agent beside it: forward signals to CMD, reap orphans, and exit
as CMD did: its code, 128 + signal, 127 not found, 126 not executable. An agent
that fails never stops CMD.

Options:
  --wait DURATION         Hold CMD back until the agent is ready, at most that
                          long (500ms, 5s, 2m). [default: 0]
  --export-env[=SETS]     Add to CMD's environment what `selfinspect env`
                          says. self (the default): the container's ID, name,
                          image, SELFINSPECT_HOST_PORT_8080_TCP and the like;
                          otel: OTEL_RESOURCE_ATTRIBUTES; size: GOMEMLIMIT and
                          so on; size:go,web: of these runtimes. Commas between
                          several. self and otel wait 5s unless --wait says how
                          long; what is unknown by then stays unset.
  -g, --signal-group      Forward signals to CMD's whole process group.
  --rewrite FROM:TO       Send TO where FROM comes, by name or number
                          (TERM:QUIT, 15:3); TO 0 drops it. Repeatable.
  --expect-exit CODE      Exit with 0 where CMD exits with CODE (143 for a JVM
                          that was stopped). Repeatable.
  --end-rest DURATION     When CMD has ended, send TERM to the processes it
                          left, and KILL to those still there after that long.
                          [default: 0, leave them]
  --stop-timeout DURATION How long CMD has from the stop signal to SIGKILL,
                          where the container's configuration does not say.
  --last-signal SIG       Send SIG (QUIT, say, for a dump of stacks) 2 s before
                          that, if CMD catches it and has more than 4 s.
  --on-memory SIG         Send SIG, if CMD catches it, when memory is at its
                          limit and not by page cache alone; at most one a
                          minute. Needs cgroup v2.
  --user UID[:GID]        Run CMD as this user, in its groups alone; numbers or
                          names. Needs root.
  --agent-user UID[:GID]  Run the agent as this user, another one than CMD's. It
                          keeps the groups that may open the engine's socket.
                          Needs root.
  -h, --help              Show this text.

Each is an environment variable too: SELFINSPECT_END_REST is --end-rest; commas
stand between the values of one that is repeatable. All other options are the
agent's: see `selfinspect serve --help`. More: `selfinspect help pid1`.

Examples:
  selfinspect run -- python3 app.py
  ENTRYPOINT ["selfinspect", "run", "--wait", "5s", "--"]

Exit codes:
  125  An option above is wrong. All others are CMD's.
"""


class Arguments:
    """A parsed command line.

    A wrong value is an error on the command line; in a variable it is passed over, except for
    users: `find_user` checks those.

    Attributes:
        wait: seconds to hold the command back for the agent at most.
        exports: what is added to the command's environment; None for nothing.
        signal_group: whether signals go to the command's whole process group.
        rewrites: which signal is sent for one that comes; 0 for none.
        expected: the command's exit codes that count as 0.
        end_rest: seconds that what the command leaves has to end; 0 leaves it alone.
        stop_timeout: seconds from the stop signal to SIGKILL, where the container says nothing.
        last_signal: what is sent 2 s before that to a command that catches it; None for none.
        on_memory: what is sent when memory is short to a command that catches it; None for none.
        user: the user the command runs as, as written; None for our own.
        agent_user: the same for the agent.
        agent_options: what `serve` gets.
        listen: where the API was asked to listen; None is the default.
        metrics_listen: the same for the metrics; empty is nowhere.
        engine: where the engine was said to be, as written.
        journal: the folder for the journal and the record of runs.
        token_file: where the API's token is, as written, `auto` for one of our own; None for none.
        tls: whether the agent speaks TLS beyond loopback.
        command: the app and its arguments.
        passed_over: what was wrong and is ignored, a line each.
    """

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        if "--" not in arguments:
            raise ValueError("no `--` before the command")
        split = arguments.index("--")
        self.command = list(arguments[split + 1 :])
        if not self.command:
            raise ValueError("no command after `--`")
        options = _Options(list(arguments[:split]), environ)
        self.passed_over = options.passed_over
        self.exports = options.exports()
        self.signal_group = options.switch("--signal-group", "-g")
        self.user = options.take("--user")
        self.agent_user = options.take("--agent-user")
        exporting = self.exports is not None and self.exports.needs_agent
        self.wait = options.last("--wait", parse_duration, _WAIT_TO_EXPORT if exporting else 0.0)
        self.end_rest = options.last("--end-rest", parse_duration, 0.0)
        self.rewrites = dict(options.each("--rewrite", parse_rewrite))
        self.expected = options.each("--expect-exit", _exit_code)
        self.stop_timeout = options.last("--stop-timeout", parse_duration, None)
        self.last_signal = options.last("--last-signal", parse_signal, None)
        self.on_memory = options.last("--on-memory", parse_signal, None)
        self.listen = options.addresses("--listen")
        self.metrics_listen = options.addresses("--metrics-listen")
        self.agent_options = options.words
        self.engine = options.texts("--engine")
        self.token_file = options.text("--token-file")
        self.tls = options.text("--tls-cert") is not None
        self.journal = options.text("--journal") or DEFAULT_FOLDER


class _Options:
    """Options as they are read one after the other, each from its flag or else its variable.

    Attributes:
        words: the command line, without what is `run`'s own and has been read.
        passed_over: what was wrong and is ignored, a line each.
    """

    def __init__(self, words: list[str], environ: Mapping[str, str]) -> None:
        self.words = words
        self.passed_over: list[str] = []
        self._environ = environ

    def switch(self, *names: str) -> bool:
        """Whether a switch of ours stands among the options, or is on in its variable."""
        given = any(name in self.words for name in names)
        self.words = [word for word in self.words if word not in names]
        variable = _variable(names[0])
        text = self._environ.get(variable, "")
        if not given and text.lower() not in (*_YES, *_NO):
            self.passed_over.append(f"{variable} {text!r}: takes true or false")
        return given or text.lower() in _YES

    def exports(self) -> Wanted | None:
        """What `--export-env`, with or without a value, or its variable asks for."""
        flag = "--export-env"
        self.words = [f"{flag}={_OWN}" if word == flag else word for word in self.words]
        given = self._take(flag)
        text = ",".join(given) or self._environ.get(_variable(flag), "")
        if not given and text.lower() in (*_YES, *_NO):
            text = _OWN if text.lower() in _YES else ""
        if not text and not given:
            return None
        from selfinspect.exports.own import parse_wanted  # noqa: PLC0415 - few want any

        return next(iter(self._parsed(flag, parse_wanted, [text], given=bool(given))), None)

    def each(self, flag: str, parse: Callable[[str], T]) -> list[T]:
        """Every value of an option of ours."""
        given = self._take(flag)
        return self._parsed(flag, parse, given or self._listed(flag), given=bool(given))

    def last(self, flag: str, parse: Callable[[str], T], default: D) -> T | D:
        """The last value of an option of ours."""
        values = self.each(flag, parse)
        return values[-1] if values else default

    def take(self, flag: str) -> str | None:
        """What an option of ours says last, else its variable, where that is not empty."""
        text = self.text(flag)
        self._take(flag)
        return text

    def text(self, flag: str) -> str | None:
        """The same of an option of the agent's, which stays among the options."""
        given, _ = _split(flag, self.words)
        return given[-1] if given else self._environ.get(_variable(flag)) or None

    def texts(self, flag: str) -> list[str]:
        """Every value of an option of the agent's."""
        return _split(flag, self.words)[0] or self._listed(flag)

    def addresses(self, flag: str) -> list[ListenAddress] | None:
        """Where to listen; of the agent's options only those that it can take are left.

        A wrong address closes one listener, the default does not take its place.
        """
        given = self._take(flag)
        texts = given or self._listed(flag)
        addresses, good = [], []
        for text in texts:
            if text == _OFF and flag == "--metrics-listen":
                good.append(text)
                continue
            try:
                addresses.append(parse_listen(text))
            except ValueError as error:
                self.passed_over.append(f"{flag if given else _variable(flag)} {error}")
            else:
                good.append(text)
        self.words = [*(f"{flag}={text}" for text in good), *self.words]
        return addresses if texts else None

    def _take(self, flag: str) -> list[str]:
        given, self.words = _split(flag, self.words)
        return given

    def _listed(self, flag: str) -> list[str]:
        """The values in an option's variable, between commas."""
        texts = self._environ.get(_variable(flag), "").split(",")
        return [text.strip() for text in texts if text.strip()]

    def _parsed(
        self, flag: str, parse: Callable[[str], T], texts: Sequence[str], *, given: bool
    ) -> list[T]:
        """The values; where one is wrong, the error of the flag, or none and a line of why."""
        try:
            return [parse(text) for text in texts]
        except ValueError as error:
            if given:
                raise ValueError(f"{flag} {error}") from error
            self.passed_over.append(f"{_variable(flag)} {error}")
            return []


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Whether `--help` stands among the options, not in the command."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "-h" in options or "--help" in options


def _exit_code(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= _LAST_EXIT_CODE:
        return int(text)
    raise ValueError(f"{text!r}: takes an exit code from 0 to {_LAST_EXIT_CODE}")


def _split(flag: str, options: Sequence[str]) -> tuple[list[str], list[str]]:
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


def _variable(flag: str) -> str:
    return "SELFINSPECT_" + flag.removeprefix("--").replace("-", "_").upper()
