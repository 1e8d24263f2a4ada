"""The loop of PID 1, with real commands and fake agents."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from selfinspect.listen import ListenAddress
from selfinspect.supervise.listeners import bind, bound

if TYPE_CHECKING:
    from tests.unit.supervise.conftest import Supervise

CATCHABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}

REPORTS_SIGNALS = """
import os, signal
every = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
signal.pthread_sigmask(signal.SIG_BLOCK, every)
os.write(1, b"ready\\n")  # whole: another process writes there, too
number = 0
while number != signal.SIGRTMAX:
    number = signal.sigwait(every)
    print(int(number), flush=True)
"""


def test_every_signal_but_sigchld_reaches_the_command(supervise: Supervise) -> None:
    """Each catchable signal arrives with its own number; SIGCHLD is the supervisor's."""
    run = supervise(sys.executable, "-c", REPORTS_SIGNALS)
    assert run.line() == "ready"
    run.send(signal.SIGCHLD)
    for number in sorted(CATCHABLE - {signal.SIGCHLD}):
        run.send(number)
        assert run.line() == str(int(number))


def test_the_commands_signals_and_files_are_its_own(supervise: Supervise) -> None:
    """No signal is blocked or ignored, and no descriptor is open but the standard three."""
    script = "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/$$/fd"
    blocked, ignored, *files = supervise("sh", "-c", script).rest()
    assert int(blocked.split()[1], 16) == int(ignored.split()[1], 16) == 0
    assert files == ["0", "1", "2"]


def test_the_command_has_the_input(supervise: Supervise) -> None:
    """The command reads what the supervisor was given."""
    run = supervise("sh", "-c", "read line; echo got $line; exit 3")
    run.write("word")
    assert run.line() == "got word"
    assert run.process.wait() == 3


def test_a_closed_stream_is_nobody_elses(supervise: Supervise, tmp_path: Path) -> None:
    """It stays closed for the command, and no listener gets its number, to be lost by that."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    closed = ["sh", "-c", 'exec "$@" <&-', "sh"]
    agent = "say(handover.api[0].getsockname()[0]); handover.control.recv(1)"
    script = 'read go <"$0"; test -e /proc/$$/fd/0 || echo closed'
    run = supervise("sh", "-c", script, str(gate), agent=agent, through=closed)
    assert run.line() == "agent 127.0.0.1"
    gate.write_text("go\n")
    assert run.line() == "closed"


def test_a_message_nobody_reads_is_not_the_commands_sigpipe(supervise: Supervise) -> None:
    """A closed standard error costs the command nothing, whatever is to be said."""
    reader, writer = os.pipe()
    os.close(reader)
    run = supervise(sys.executable, "-c", REPORTS_SIGNALS, agent="say('dies')", stderr=writer)
    os.close(writer)
    lines = {run.line(), run.line(), run.line()}  # the second agent: the first one's end was said
    assert lines == {"ready", "agent dies"}
    run.send(signal.SIGRTMAX)
    assert run.line() == str(int(signal.SIGRTMAX))


def test_a_message_that_nobody_reads_holds_nothing_up(supervise: Supervise) -> None:
    """As where the reader of a pipe has stopped, and the pipe is full."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while os.write(writer, bytes(4096)):
            pass
    os.set_blocking(writer, True)
    run = supervise("echo", "command", listen="192.0.2.1:1", stderr=writer)
    os.close(writer)
    assert select.select([run.stdout], [], [], 60)[0], "held up"
    assert run.line() == "command"
    os.close(reader)


def test_the_uri_stands_in_the_environment_and_in_the_file(supervise: Supervise) -> None:
    """The command has the address, others read it, and the end clears it."""
    run = supervise("sh", "-c", "echo $SELFINSPECT_URI; read end")
    uri = run.line()
    assert run.uri_file.read_text() == f"{uri}\n"
    with socket.create_connection(("127.0.0.1", urlsplit(uri).port or 0)):
        run.write("end")
    assert run.process.wait() == 0
    assert not run.uri_file.exists()


def test_a_second_supervisor_leaves_the_files_of_the_first(supervise: Supervise) -> None:
    """As `docker exec` may start one; its command has a token of its own meanwhile."""
    options = ["--token-file", "auto"]
    run = supervise("sh", "-c", "echo $SELFINSPECT_URI; read end", options=options)
    uri = run.line()
    files = [run.uri_file.parent / name for name in ("token", "uri")]
    before = [file.read_text() for file in files]
    second = supervise("sh", "-c", "cat $SELFINSPECT_TOKEN_FILE", options=options)
    token = second.line()
    assert second.process.wait() == 0
    assert len(token) == len(before[0].strip())
    assert token != before[0].strip()
    assert before[1] == f"{uri}\n"
    assert sorted(run.uri_file.parent.iterdir()) == files
    assert [file.read_text() for file in files] == before


def test_no_uri_where_the_port_asked_for_is_taken(supervise: Supervise, tmp_path: Path) -> None:
    """Without a listener an old URI is taken away: what answers there is another's agent."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "uri").touch()
    with closing(bind(ListenAddress("127.0.0.1", 0))) as neighbour:
        run = supervise(
            "sh", "-c", "echo ${SELFINSPECT_URI-unset}; read end", listen=str(bound(neighbour))
        )
        assert run.line() == "unset"
        assert not run.uri_file.exists()


def test_the_agent_stands_apart(supervise: Supervise) -> None:
    """The agent has its own session, no input, a raised OOM score and the listeners."""
    agent = """
import json
facts = {
    "session": os.getsid(0) == os.getpid(),
    "input": os.readlink("/proc/self/fd/0"),
    "blocked": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "score": int(open("/proc/self/oom_score_adj").read()),
    "port": handover.api[0].getsockname()[1],
    "level": os.environ["SELFINSPECT_LOG_LEVEL"],
}
os.write(1, json.dumps(facts).encode() + b"\\n")
handover.control.recv(1)
"""
    run = supervise("sh", "-c", "read go; echo $SELFINSPECT_URI; env", agent=agent)
    facts = json.loads(run.line())
    run.write("go")
    assert facts.pop("port") == urlsplit(run.line()).port
    score = min(int(Path("/proc/self/oom_score_adj").read_text()) + 500, 1000)
    assert facts == {
        "session": True,
        "input": "/dev/null",
        "blocked": [],
        "score": score,
        "level": "warning",
    }
    assert not any("HANDOVER" in line for line in run.rest())


@pytest.mark.parametrize(("given", "level"), [("", "warning"), ("debug", "debug")])
def test_the_agents_log_is_quiet_unless_told(supervise: Supervise, given: str, level: str) -> None:
    """An empty variable counts as unset."""
    agent = "say(os.environ['SELFINSPECT_LOG_LEVEL']); handover.control.recv(1)"
    environ = ["env", f"SELFINSPECT_LOG_LEVEL={given}"]
    assert (
        supervise("sh", "-c", "read end", agent=agent, through=environ).line() == f"agent {level}"
    )


def test_a_dead_agent_is_followed_by_another(supervise: Supervise) -> None:
    """A killed agent is started again with the same listeners, and the command goes on."""
    agent = "say(os.getpid(), handover.api[0].getsockname()[1]); handover.control.recv(1)"
    run = supervise("sh", "-c", "read end; exit 5", agent=agent)
    _, first, port = run.line().split()
    os.kill(int(first), signal.SIGKILL)
    _, second, same_port = run.line().split()
    assert second != first
    assert same_port == port
    run.write("end")
    assert run.process.wait() == 5


def test_the_agent_ends_with_its_parent(supervise: Supervise) -> None:
    """When the supervisor is killed, the agent's end of the control pair reads as ended."""
    agent = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    agent += "say('up'); handover.control.recv(1); say('orphaned')"
    run = supervise("sh", "-c", "read end", agent=agent)
    assert run.line() == "agent up"
    run.send(signal.SIGKILL)
    assert run.line() == "agent orphaned"


def test_an_agent_that_still_loads_ends_with_its_parent(supervise: Supervise) -> None:
    """It does not look at the control pair yet, but it has the listeners."""
    agent = "say('up'); signal.sigtimedwait([], 20); say('left')"
    run = supervise("sh", "-c", "read end", agent=agent)
    assert run.line() == "agent up"
    run.send(signal.SIGKILL)
    assert run.rest() == []


def test_the_command_is_killed_with_its_parent(supervise: Supervise) -> None:
    """Whoever killed the supervisor may start another one: two commands would run then."""
    orphaned = "until read _ _ _ parent _ </proc/$$/stat; [ $parent != $PPID ]; do :; done"
    run = supervise("sh", "-c", f"echo up; {orphaned}; echo survived")
    assert run.line() == "up"
    run.send(signal.SIGKILL)
    assert run.rest() == []


def test_the_first_orphan_comes_to_the_supervisor(supervise: Supervise) -> None:
    """Also one that the command leaves at once, where another process is PID 1."""
    orphan = "until read _ _ _ parent _ </proc/$$/stat; [ $parent != $1 ]; do :; done; echo $parent"
    leave = f"sh -c '{orphan}' - $$ & exec true"
    run = supervise("sh", "-c", 'sh -c "$1"; read end', "-", leave)
    assert int(run.line()) == run.process.pid
    run.write("end")


def test_the_agent_may_say_goodbye(supervise: Supervise) -> None:
    """When the command has ended, the agent gets SIGTERM and a moment."""
    agent = """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
say("up")
signal.sigwait([signal.SIGTERM])
say("goodbye")
"""

    def rest() -> list[str]:
        run = supervise("sh", "-c", "read end", agent=agent)
        assert run.line() == "agent up"
        run.write("end")
        return run.rest()

    # The moment may be too short for one of them on a busy machine.
    assert any(rest() == ["agent goodbye "] for _ in range(4))


def test_an_agent_that_stays_is_killed(supervise: Supervise) -> None:
    """An agent deaf to SIGTERM does not outlive the command, nor change its exit code."""
    agent = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
say("up")
while True: signal.pause()
"""
    run = supervise("sh", "-c", "read end; exit 6", agent=agent)
    assert run.line() == "agent up"
    run.write("end")
    assert run.rest() == []
    assert run.process.wait() == 6


def gated(gate: Path, then: str) -> str:
    """An agent that waits for someone to open a gate."""
    os.mkfifo(gate)
    return f"say('up'); open({str(gate)!r}).read(); say('through'); {then}"


def test_the_command_is_held_back_until_the_agent_is_ready(
    supervise: Supervise, tmp_path: Path
) -> None:
    """With `--wait` the command starts upon the agent's word, not before."""
    agent = gated(tmp_path / "gate", "handover.ready({}); handover.control.recv(1)")
    run = supervise("echo", "command", agent=agent, options=["--wait", "1000m"])
    assert run.line() == "agent up"
    run.send(signal.SIGWINCH)  # a terminal's new size does not end it
    (tmp_path / "gate").write_text("")
    assert run.rest() == ["agent through ", "command"]


def test_the_command_is_held_back_no_longer_than_told(supervise: Supervise) -> None:
    """An agent that never gets ready holds the command until the time is over."""
    run = supervise("echo", "command", options=["--wait", "10ms"])
    assert run.line() == "command"


def test_an_agent_that_ended_holds_nothing_back(supervise: Supervise) -> None:
    """With no agent to wait for, the command starts at once."""
    run = supervise("echo", "command", agent="sys.exit(2)", options=["--wait", "1000m"])
    assert run.line() == "command"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_ends_the_wait(supervise: Supervise, number: signal.Signals) -> None:
    """A signal that would end the command ends a held back one before it has started."""
    agent = "say('up'); handover.control.recv(1)"
    run = supervise("echo", "command", agent=agent, options=["--wait", "1000m"])
    assert run.line() == "agent up"
    run.send(number)
    assert run.process.wait() == 128 + number
    assert run.rest() == []


BLOCKING = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.execv(sys.argv[1], sys.argv[1:])
"""


# Not in a shell: dash unblocks all once it has waited for a child.
PENDING = "import signal; signal.sigwait([signal.SIGTERM]); print('command')"


@pytest.mark.parametrize(
    ("through", "options", "command"),
    [
        (["sh", "-c", "trap '' TERM; exec \"$@\"", "sh"], [], ["echo", "command"]),
        ([sys.executable, "-c", BLOCKING], [], [sys.executable, "-c", PENDING]),
        ([], ["--rewrite", "TERM:0"], ["echo", "command"]),
        ([], ["--rewrite", "TERM:WINCH"], ["echo", "command"]),
    ],
    ids=["ignored", "blocked", "dropped", "rewritten"],
)
def test_a_signal_that_would_not_end_the_command_does_not_end_the_wait(
    supervise: Supervise, tmp_path: Path, through: list[str], options: list[str], command: list[str]
) -> None:
    """As one that `nohup` and the like keep from it, or a rewrite; a blocked one waits for it."""
    agent = gated(tmp_path / "gate", "handover.ready({}); handover.control.recv(1)")
    options = ["--wait", "1000m", *options]
    run = supervise(*command, agent=agent, options=options, through=through)
    assert run.line() == "agent up"
    run.send(signal.SIGTERM)
    (tmp_path / "gate").write_text("")
    assert run.rest() == ["agent through ", "command"]
