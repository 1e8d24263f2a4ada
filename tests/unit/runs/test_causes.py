"""Why a run ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfinspect.model import RunRecord
from selfinspect.runs.causes import Ending, Sent, cause, oom_killed

SECOND = 10**9
END = 1000 * SECOND


def ago(seconds: float) -> int:
    """That long before the end."""
    return END - int(seconds * SECOND)


def reported(exit_code: int | None, **more: object) -> Ending:
    """An end that the engine reported."""
    return Ending(finished=END, reported=True, exit_code=exit_code, **more)  # type: ignore[arg-type]


def missed(exit_code: int | None = None, **more: object) -> Ending:
    """An end that was found out afterwards."""
    return Ending(finished=END, exit_code=exit_code, **more)  # type: ignore[arg-type]


def written(
    exit_code: int | None,
    signal: int | None = None,
    forwarded: int | None = None,
    oom_kills: int | None = None,
) -> RunRecord:
    """PID 1's record of an end."""
    return RunRecord(ago(100), "boot", END, exit_code, signal, forwarded, oom_kills)


UNFINISHED = RunRecord(ago(100), "boot")


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (reported(0), ("exit", None, False)),
        (reported(3), ("exit", None, False)),
        (reported(139), ("killed", 11, False)),
        (reported(255), ("exit", None, False)),
        (reported(None), ("unknown", None, False)),
        (missed(), ("unknown", None, None)),
    ],
)
def test_an_exit_code_alone(ending: Ending, expected: tuple[str, int | None, bool | None]) -> None:
    """128 + n is taken for signal n, any other for the app's own end."""
    assert (cause(ending), ending.signal, oom_killed(ending)) == expected


def test_the_record_distinguishes_an_exit_code_from_a_signal() -> None:
    """`exit 137` is not SIGKILL."""
    ending = reported(137, record=written(137), ooms=(ago(1),))
    assert (cause(ending), ending.signal, oom_killed(ending)) == ("exit", None, False)


@pytest.mark.parametrize("number", [9, 15, 1, 12])
def test_docker_kill(number: int) -> None:
    """The signal that was sent is the one that ended it."""
    ending = reported(128 + number, sent=(Sent(ago(0.1), number),))
    assert (cause(ending), ending.signal, oom_killed(ending)) == ("killed", number, False)


def test_a_signal_that_asks_for_an_end_and_is_obeyed() -> None:
    """An app that ends well on SIGTERM was killed; one that crashes later was not."""
    assert cause(reported(0, sent=(Sent(ago(1), 15),))) == "killed"
    assert cause(reported(0, sent=(Sent(ago(1), 1),))) == "exit"
    assert cause(reported(0, sent=(Sent(ago(60), 15),))) == "exit"
    assert cause(reported(3, sent=(Sent(ago(1), 15),))) == "exit"
    assert cause(reported(0, sent=(Sent(ago(1), 1),), stop_signal=1)) == "killed"


@pytest.mark.parametrize("code", [0, 3, 137, 143, None])
def test_docker_stop(code: int | None) -> None:
    """Whatever the app makes of it, SIGKILL after the delay included."""
    sent = (Sent(ago(10), 15), Sent(ago(0.1), 9))
    assert cause(reported(code, sent=sent, stopped=END + SECOND)) == "stopped"


def test_a_stop_of_what_had_ended_is_no_cause() -> None:
    """As of a container that waits for its next start."""
    assert cause(reported(3, stopped=END + 40 * SECOND)) == "exit"
    assert cause(reported(143, stopped=END + SECOND)) == "stopped"


@pytest.mark.parametrize("seconds", [5, 0, -2])
def test_an_oom_event_just_before_the_end(seconds: float) -> None:
    """The engine may report it a little later than the end."""
    ending = reported(137, ooms=(ago(500), ago(seconds)))
    assert (cause(ending), oom_killed(ending)) == ("oom", True)


def test_an_oom_kill_of_a_child() -> None:
    """It was long before the end, or the end was no SIGKILL, or somebody sent that."""
    for ending in (
        reported(137, ooms=(ago(60),), oom_flag=True),
        reported(3, ooms=(ago(1),), oom_flag=True),
        reported(143, ooms=(ago(1),)),
        reported(137, ooms=(ago(2),), sent=(Sent(ago(1), 9),)),
        reported(137, record=written(137, 9, oom_kills=1), ooms=(ago(60),)),
    ):
        assert cause(ending) != "oom"
        assert oom_killed(ending) is False


def test_an_oom_kill_without_an_event() -> None:
    """Inspect's flag or PID 1's reading of the kernel's count shows it."""
    assert cause(reported(137, oom_flag=True, has_oom_events=False)) == "oom"
    assert cause(missed(137, record=written(137, 9, oom_kills=1))) == "oom"
    assert cause(missed(record=written(137, 9, oom_kills=1))) == "oom"
    assert cause(missed(oom_flag=True)) == "oom"
    assert cause(reported(3, oom_flag=True)) == "exit"
    assert cause(missed(137, record=written(137, 9, oom_kills=0))) == "killed"
    assert oom_killed(missed(137, record=written(137, 9, oom_kills=0))) is False


def test_sigkill_of_unknown_origin() -> None:
    """Docker would have reported an OOM kill; Podman would not."""
    assert oom_killed(reported(137)) is False
    assert oom_killed(reported(137, has_oom_events=False)) is None
    assert oom_killed(reported(137, has_oom_events=False, oom_flag=False)) is False


def test_a_hidden_exit_code() -> None:
    """A label hides it: what the engine sent still shows the cause, as does a missing record."""
    assert cause(reported(None, ooms=(ago(1),))) == "oom"
    assert cause(reported(None, sent=(Sent(ago(1), 9),))) == "killed"
    assert reported(None, sent=(Sent(ago(1), 9),)).signal == 9
    assert cause(reported(None, sent=(Sent(ago(1), None),))) == "unknown"
    assert cause(reported(None, sent=(Sent(ago(1), None),), record=UNFINISHED)) == "killed"


@pytest.mark.parametrize(
    "ending",
    [
        missed(),
        missed(255),
        missed(137),
        missed(record=UNFINISHED),
        missed(record=written(0, None, 15)),
        missed(record=written(143, 15, 15)),
        missed(143, sent=(Sent(ago(1), 15),)),
    ],
)
def test_the_engines_own_restart(ending: Ending) -> None:
    """Nobody reported the end, the engine restarted, and the app did not end by itself."""
    assert cause(replace(ending, restarted=True)) == "engine-restart"
    assert cause(replace(ending, restarted=True, reported=True)) != "engine-restart"
    assert cause(ending) != "engine-restart"


def test_an_engine_that_finds_a_container_it_did_not_start() -> None:
    """It stops it before anybody can ask; a stop that was heard, or came later, is somebody's."""
    stopped = replace(reported(0), stopped=END, restarted=True, back=ago(2))
    unheard = replace(stopped, sent=(Sent(ago(1), 15, live=False),))
    assert cause(unheard) == "engine-restart"
    assert cause(replace(unheard, back=None)) == "stopped"
    assert cause(replace(unheard, back=ago(20))) == "stopped"
    assert cause(replace(stopped, sent=(Sent(ago(1), 15),))) == "stopped"


def test_an_end_of_its_own_while_the_engine_was_away() -> None:
    """PID 1's record, or an exit code that is the app's, knows better."""
    assert cause(missed(3, restarted=True, record=written(3))) == "exit"
    assert cause(missed(restarted=True, record=written(139, 11))) == "killed"
    assert cause(missed(3, restarted=True)) == "exit"


def test_records_without_an_engine() -> None:
    """A signal from outside shows a stop; a record without an end, that PID 1 was killed."""
    assert cause(missed(record=written(0, None, 15))) == "stopped"
    assert cause(missed(record=written(143, 15, 15))) == "stopped"
    assert cause(missed(record=written(129, 1, 1))) == "killed"
    assert cause(missed(0, record=written(0, None, 1))) == "exit"
    assert cause(Ending(record=UNFINISHED)) == "killed"
    assert Ending(record=UNFINISHED).signal is None
