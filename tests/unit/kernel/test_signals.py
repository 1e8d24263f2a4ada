"""Signals by name and by number."""

from __future__ import annotations

import signal

import pytest

from selfinspect.kernel.signals import signal_name, signal_number


@pytest.mark.parametrize("text", ["9", "KILL", "SIGKILL", "sigkill"])
def test_signals_as_engines_write_them(text: str) -> None:
    """Docker writes numbers."""
    assert signal_number(text) == 9


def test_a_real_time_signal_is_named_by_its_distance_from_the_ends() -> None:
    """As images of systemd declare their stop signal."""
    assert signal_number("SIGRTMIN+3") == 37
    assert signal_number("RTMAX-2") == 62


def test_real_time_signals_count_as_the_engines_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--stop-signal RTMIN+3` is 37 to Docker; under musl the interpreter's SIGRTMIN is 35."""
    monkeypatch.setattr("_signal.SIGRTMIN", 35)
    assert signal_number("RTMIN+3") == 37
    assert (signal_name(34), signal_name(35)) == ("SIGRTMIN", None)


@pytest.mark.parametrize("text", ["", "HACK", "0", "99", "RTMIN+x", "TERM+1x", "1" * 20])
def test_a_text_may_name_no_signal(text: str) -> None:
    """Labels may stand where a signal should."""
    assert signal_number(text) is None


@pytest.mark.parametrize("name", ["SIGTERM", "SIGABRT", "SIGCHLD", "SIGIO", "SIGRTMIN"])
def test_a_signal_has_its_usual_name(name: str) -> None:
    """Some have two, SIGCLD for one."""
    assert signal_name(getattr(signal, name)) == name


def test_a_signal_without_a_name() -> None:
    """Between the first real-time signal and the last none has one."""
    assert signal_name(40) is None
