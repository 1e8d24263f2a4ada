"""What the usual inits promise, asked of `selfinspect run` and, where they are there, of them.

The rules are those of tini's and dumb-init's own test suites.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.launched import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

QUIET = ["--listen=127.0.0.1:0", "--metrics-listen=off", "--engine=off"]
OURS = [sys.executable, "-m", "selfinspect", "run", *QUIET]
AS_PID_1 = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
CATCHABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}

# The environment without coverage's hook: it opens files where a test takes them away.
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("COV")}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")


def _of_a_peer(program: str) -> tuple[pytest.MarkDecorator, ...]:
    """What a peer does changes with its release alone: it is looked at in the full run."""
    absent = pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")
    return absent, pytest.mark.slow


def inits(*peers: str, options: Sequence[str] = ()) -> pytest.MarkDecorator:
    """Run a test under `selfinspect run` and under others, each with its options.

    Args:
        peers: the command line of each other one, which is skipped where it is not installed.
        options: those of `run`.
    """
    commands = [[*OURS, *options, "--"]]
    commands += [[*peer.split(" "), "--"] for peer in peers]
    return pytest.mark.parametrize(
        "init",
        [
            pytest.param(
                command,
                id="ours" if command[0] == sys.executable else command[0],
                marks=() if command[0] == sys.executable else _of_a_peer(command[0]),
            )
            for command in commands
        ],
    )


everywhere = inits("tini -s", "dumb-init")
as_tini = inits("tini -s")


def outcome(init: Sequence[str], *command: str, text: str = "") -> tuple[str, int]:
    """What a command writes, and its exit code."""
    ended = subprocess.run(
        [*init, *command], env=PLAIN, input=text, capture_output=True, text=True, check=False
    )
    return ended.stdout, ended.returncode


class Running:
    """A running init; its command writes lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        assert process.stdin is not None
        self.stdout = process.stdout
        self.stdin = process.stdin

    def line(self) -> str:
        """The command's next line, waited for."""
        return self.stdout.readline().strip()

    def rest(self) -> list[str]:
        """All further lines, until all who may write have ended."""
        return self.stdout.read().splitlines()


@pytest.fixture
def running(init: Sequence[str], request: pytest.FixtureRequest) -> Iterator[Running]:
    """The init with the command that the test's marker `param` names."""
    process = subprocess.Popen(
        [*init, *request.param],
        # A group of its own: as the job of a shell `run` would stop with its whole group.
        env=PLAIN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with process:
        yield Running(process)
        for child in children_of(process.pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        process.kill()


def under(*command: str) -> pytest.MarkDecorator:
    """What the fixture `running` runs."""
    return pytest.mark.parametrize("running", [command], indirect=True, ids=[""])


# --- how it exits -----------------------------------------------------------------------------


@everywhere
@pytest.mark.parametrize("code", [0, 1, 2, 100, 126, 127, 143, 255])
def test_it_exits_as_the_command(init: list[str], code: int) -> None:
    """Every exit code is the command's."""
    assert outcome(init, "sh", "-c", f"exit {code}") == ("", code)


@everywhere
@pytest.mark.parametrize(
    "number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGABRT]
)
def test_a_killed_command_is_128_and_its_signal(init: list[str], number: int) -> None:
    """As a shell has it."""
    assert outcome(init, "sh", "-c", f"kill -{number} $$") == ("", 128 + number)


@as_tini
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("no-such-command", 127),
        ("/no/such/command", 127),
        ("/dev/null", 126),
        ("/", 126),
        ("", 127),
    ],
)
def test_what_cannot_be_run(init: list[str], command: str, code: int) -> None:
    """127 where there is no such command, 126 where it may not be run."""
    assert outcome(init, command) == ("", code)


@inits("tini -s -e 143 -e 7", options=["--expect-exit", "143", "--expect-exit=7"])
@pytest.mark.parametrize(
    ("script", "code"), [("exit 143", 0), ("kill -TERM $$", 0), ("exit 7", 0), ("exit 8", 8)]
)
def test_expected_exit_codes_count_as_0(init: list[str], script: str, code: int) -> None:
    """Those that were named, and no other; a signal's too."""
    assert outcome(init, "sh", "-c", script) == ("", code)


# --- what the command is started with ---------------------------------------------------------


@everywhere
def test_a_script_without_interpreter_is_the_shells(init: list[str], tmp_path: Path) -> None:
    """As execvp(3) has it, with its arguments, by its path or found by its name."""
    script = tmp_path / "no-interpreter-named"
    script.write_text('echo "$0 $*"; exit 3\n')
    script.chmod(0o755)
    named = ["env", f"PATH={tmp_path}:{os.environ['PATH']}", *init, script.name]
    assert outcome(init, str(script), "a b", "c") == (f"{script} a b c\n", 3)
    assert outcome(named, "a") == (f"{script} a\n", 3)


@everywhere
def test_the_input_is_the_commands(init: list[str]) -> None:
    """And its end."""
    assert outcome(init, "cat", text="some\ninput") == ("some\ninput", 0)


@everywhere
def test_the_folder_and_the_arguments_stay(init: list[str], tmp_path: Path) -> None:
    """What looks like an option is the command's."""
    placed = ["env", "--chdir", str(tmp_path), f"PYTHONPATH={ROOT}", *init]
    script = 'pwd; printf "[%s]" "$@"'
    shown = f"{tmp_path}\n[--][-g][][a b]"
    assert outcome(placed, "sh", "-c", script, "sh", "--", "-g", "", "a b") == (shown, 0)


SIGNALS_GIVEN = """
import os, signal, sys
for number in (signal.SIGTTOU, signal.SIGSEGV, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
    signal.signal(number, signal.SIG_IGN)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGTTIN, signal.SIGILL, signal.SIGTERM])
os.execvp(sys.argv[1], sys.argv[1:])
"""
GIVEN = [sys.executable, "-c", SIGNALS_GIVEN]


@inits()
def test_signals_are_as_they_were_given(init: list[str]) -> None:
    """The mask and what was ignored, which the init itself has to change; SIGCHLD too."""
    show = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]
    assert outcome([*GIVEN, *init], *show) == outcome(GIVEN, *show)
    plain = outcome(init, *show)
    assert {line.split()[1] for line in plain[0].splitlines()} == {"0" * 16}


@as_tini
def test_nohup_keeps_it_alive(init: list[str]) -> None:
    """SIGHUP reaches the command, which was started to ignore it."""
    script = "trap 'exit 5' USR1; echo up; while :; do sleep 0.05; done"
    with subprocess.Popen(
        ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *init, "sh", "-c", script],
        env=PLAIN, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
        assert process.wait() == 5


ODD = [b"=C:=x", b"=x", b"=", b"no-equals-sign", b"TWICE=1", b"TWICE=2", b"a.b-c=d", b"E=\xff=\n"]
LOCALE = [b"LC_CTYPE=C", b"PATH=" + os.environb[b"PATH"]]


def executed(environ: Sequence[bytes], command: Sequence[str]) -> list[bytes]:
    """The environment that `cat /proc/self/environ` shows, behind a command started with one."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writer, 1)
        words = [os.fsencode(word) for word in command]
        arguments = (ctypes.c_char_p * (len(words) + 1))(*words, None)
        entries = (ctypes.c_char_p * (len(environ) + 1))(*environ, None)
        ctypes.CDLL(None).execve(words[0], arguments, entries)
        os._exit(1)
    os.close(writer)
    with open(reader, "rb") as shown:  # noqa: PTH123
        entries_shown = shown.read().split(b"\0")[:-1]
    os.waitpid(child, 0)
    return entries_shown


@everywhere
def test_the_environment_is_passed_byte_for_byte(init: list[str], tmp_path: Path) -> None:
    """Entries without a name, without `=`, twice, of no text; ours adds its URI alone."""
    program = shutil.which(init[0]) or init[0]
    paths = [b"PYTHONPATH=" + os.fsencode(ROOT), b"SELFINSPECT_JOURNAL=%b" % bytes(tmp_path)]
    given = [*ODD, *LOCALE, *paths]
    shown = executed(given, [program, *init[1:], "cat", "/proc/self/environ"])
    assert [each for each in shown if not each.startswith(b"SELFINSPECT_URI=")] == given


@needs_root
@everywhere
def test_it_does_without_the_null_device(init: list[str]) -> None:
    """An image without /dev runs."""
    without = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /dev; exec "$@"', "sh"]
    assert outcome([*without, *init], "sh", "-c", "echo here; exit 4") == ("here\n", 4)


@needs_root
@inits("dumb-init")
def test_it_does_without_any_input(init: list[str]) -> None:
    """Where there is no null device to put in its place either."""
    script = 'mount -t tmpfs tmpfs /dev; exec "$@" <&-'
    without = ["unshare", "--mount", "sh", "-c", script, "sh"]
    assert outcome([*without, *init], "sh", "-c", "echo here; exit 4") == ("here\n", 4)


# --- signals ----------------------------------------------------------------------------------

REPORTS = """
import os, signal
every = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
signal.pthread_sigmask(signal.SIG_BLOCK, every)
print("up", flush=True)
while (number := signal.sigwait(every)) != signal.SIGUSR2:
    print(int(number), flush=True)
"""


@inits()
@under(sys.executable, "-c", REPORTS)
def test_every_signal_arrives(running: Running) -> None:
    """Also those that peers keep: faults, stops, and every real-time one."""
    assert running.line() == "up"
    for number in sorted(CATCHABLE - {signal.SIGUSR2}):
        running.process.send_signal(number)
        assert running.line() == str(int(number))
    running.process.send_signal(signal.SIGUSR2)
    assert running.process.wait() == 0


FORWARDED = (
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM, signal.SIGTERM,
    signal.SIGCONT, signal.SIGURG, signal.SIGWINCH,
)  # fmt: skip


@everywhere
@under(sys.executable, "-c", REPORTS)
def test_the_usual_signals_arrive(running: Running) -> None:
    """What engines and people send."""
    assert running.line() == "up"
    for number in FORWARDED:
        running.process.send_signal(number)
        assert running.line() == str(int(number))


REWRITES = ["--rewrite", "TERM:INT", "--rewrite=SIGHUP:0", "--rewrite", "10:28"]


@inits("dumb-init -r 15:2 -r 1:0 -r 10:28", options=REWRITES)
@under(sys.executable, "-c", REPORTS)
def test_signals_are_rewritten(running: Running) -> None:
    """One for another, or for none; the others stay."""
    assert running.line() == "up"
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM):
        running.process.send_signal(number)
    seen = [running.line() for _ in range(3)]
    wanted = {signal.SIGINT, signal.SIGWINCH, signal.SIGALRM}
    assert sorted(seen) == sorted(str(int(number)) for number in wanted)


GROUP = """
import os, signal, sys
ready, up = os.pipe()
asked = [signal.SIGUSR1]
signal.pthread_sigmask(signal.SIG_BLOCK, asked)  # it may come before anyone waits for it
child = os.fork()
if not child:
    os.write(up, b"x")
    signal.sigwait(asked)
    os._exit(os.write(1, b"child\\n") - 6)
os.read(ready, 1)
print("up", flush=True)
signal.sigwait(asked)
os.waitpid(child, 0)
print("parent", flush=True)
"""


@inits("tini -s -g", "dumb-init", options=["-g"])
@under(sys.executable, "-c", GROUP)
def test_signals_go_to_the_whole_group(running: Running) -> None:
    """Where that is asked for: the command's children get them as well."""
    assert running.line() == "up"
    running.process.send_signal(signal.SIGUSR1)
    assert running.rest() == ["child", "parent"]


@everywhere
@under("sh", "-c", "echo up $$; read end; exit 6")
def test_a_stop_that_is_sent_stops_and_continues(running: Running) -> None:
    """SIGTSTP stops the command, SIGCONT brings it back."""
    _, process = running.line().split()
    running.process.send_signal(signal.SIGTSTP)
    wait_for_state(int(process), "T")
    running.process.send_signal(signal.SIGCONT)
    wait_for_state(int(process), "S")
    running.stdin.write("end\n")
    running.stdin.flush()
    assert running.process.wait() == 6


def wait_for_state(process: int, state: str) -> None:
    """Look until a process is in a state."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] == state:
            return
        os.sched_yield()
    pytest.fail(f"process {process} is not in state {state}")


# --- orphans, and what is left ----------------------------------------------------------------

ORPHANS = """
import os, sys
def orphan():
    gate, opened = os.pipe()
    child = os.fork()
    if child:
        os.close(gate)
        os.waitpid(child, 0)
        return opened
    if os.fork() == 0:
        os.close(opened)
        os.read(gate, 1)
    os._exit(0)
def children():
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            state, parent = open(f"/proc/{name}/stat").read().rpartition(") ")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == os.getppid() and int(name) != os.getpid():
            found.append(state)
    return found
before = len(children())
gates = [orphan() for _ in range(20)]
print("inherited", len(children()) - before, flush=True)
for gate in gates:
    os.close(gate)
while len(children()) > before or "Z" in children():
    os.sched_yield()
print("reaped", flush=True)
"""


@needs_root
@everywhere
def test_pid_1_reaps_orphans(init: list[str]) -> None:
    """It inherits those whose parents ended, and leaves no zombie of them."""
    shown, _ = outcome([*AS_PID_1, *init], sys.executable, "-c", ORPHANS)
    assert shown == "inherited 20\nreaped\n"


@as_tini
def test_below_another_pid_1_it_reaps_orphans_as_well(init: list[str]) -> None:
    """As a subreaper, which ours always is."""
    assert outcome(init, sys.executable, "-c", ORPHANS)[0] == "inherited 20\nreaped\n"


LEAVES = """
import os, signal, sys
ready, up = os.pipe()
def leave(number):
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, number])
            os.write(up, b"x")
            signal.sigwait([number])
            os.write(1, b"rest\\n")
        os._exit(0)
for name in sys.argv[1:]:
    leave(signal.Signals[name])
    os.read(ready, 1)
print("up", flush=True)
os._exit(9)
"""

as_left = pytest.mark.parametrize(
    "place", [[], pytest.param(AS_PID_1, marks=needs_root)], ids=["below", "PID 1"]
)


@as_left
@inits(options=["--end-rest", "60s"])
def test_what_is_left_may_end_in_its_own_way(init: list[str], place: list[str]) -> None:
    """It gets TERM, in sessions of its own too; PID 1 sends it to all of its PID namespace."""
    shown, code = outcome([*place, *init], sys.executable, "-c", LEAVES, "SIGTERM", "SIGTERM")
    assert (shown, code) == ("up\nrest\nrest\n", 9)


@as_left
@inits(options=["--end-rest", "300ms"])
def test_what_is_left_and_deaf_is_killed(init: list[str], place: list[str]) -> None:
    """Once the time is over that it has to end in its own way."""
    shown, code = outcome([*place, *init], sys.executable, "-c", LEAVES, "SIGINT")
    assert (shown, code) == ("up\n", 9)


@needs_root
@inits("dumb-init", options=["--end-rest", "60s"])
def test_the_session_of_the_command_is_told_to_end(init: list[str]) -> None:
    """When the command has ended, its children get TERM."""
    child = "trap 'echo child; exit' TERM; echo up; while :; do sleep 0.02; done"
    script = f'trap "exit 7" USR1; ({child}) & while :; do sleep 0.02; done'
    with subprocess.Popen(
        [*init, "sh", "-c", script], env=PLAIN, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        os.kill(children_of(process.pid)[0], signal.SIGUSR1)
        assert process.stdout.read() == "child\n"
    assert process.returncode == 7


def children_of(process: int) -> list[int]:
    """The children of a process, the oldest first; none once it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        children = Path(f"/proc/{process}/task/{process}/children").read_text()
        return [int(child) for child in children.split()]
    return []


BYSTANDER = """
import subprocess, sys
bystander = subprocess.Popen(["sleep", "1000"])
subprocess.run(sys.argv[1:])
print("bystander", bystander.poll())
bystander.kill()
"""


@inits(options=["--end-rest", "300ms"])
def test_who_is_not_below_us_is_left_alone(init: list[str]) -> None:
    """As under `--pid host`: only PID 1 of a PID namespace of its own may end all."""
    beside = [sys.executable, "-c", BYSTANDER, *init]
    assert outcome(beside, "sh", "-c", "sleep 1000 & exit 0")[0] == "bystander None\n"
