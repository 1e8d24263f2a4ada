"""What became of the places where an engine was looked for."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, get_args

import pytest

from selfinspect.engine.locate import Place
from selfinspect.engine.tried import (
    MEANINGS,
    NO_TARGET,
    STRANGER,
    UNPROVEN,
    attempt,
    failure,
    unquoted,
    unusable,
)
from selfinspect.errors import EngineDeniedError, EngineUnreachableError
from selfinspect.model import AttemptOutcome

if TYPE_CHECKING:
    from selfinspect.engine.locate import NamedBy

ENDPOINT = "tcp://docker:2375"


@pytest.mark.parametrize(
    ("named_by", "fix"),
    [
        ("option", "--engine off"),
        ("DOCKER_HOST", "unset DOCKER_HOST"),
        ("mount", "mount the socket of the engine that started this container"),
        ("network", "mount the socket of the engine that started this container"),
    ],
)
def test_a_stranger_is_reported_with_what_is_rid_of_it(named_by: NamedBy, fix: str) -> None:
    """It depends on who named the place."""
    attempt = unusable(Place(ENDPOINT, named_by=named_by), STRANGER, "it does not know a1b2")
    assert attempt.outcome == STRANGER
    assert attempt.detail == f"{ENDPOINT}: the engine there {STRANGER} (it does not know a1b2)"
    assert fix in (attempt.hint or "")


def test_an_engine_that_proves_nothing_is_no_stranger() -> None:
    """It may be ours: a proxy before it denies the proof, say."""
    attempt = unusable(Place(ENDPOINT), UNPROVEN, None)
    assert attempt.outcome == UNPROVEN
    assert attempt.detail == f"{ENDPOINT}: the engine there is {UNPROVEN}"


def test_who_answers_where_nobody_asked_is_not_quoted() -> None:
    """What somebody on the network says is not served."""
    error = EngineDeniedError(
        "ping: the engine answered 403: call 555", code=403, capability="ping", hint="allow it"
    )
    reported = attempt(Place(ENDPOINT, guessed=True), unquoted(error))
    assert (reported.outcome, reported.detail, reported.hint) == (
        "denied",
        "ping: answered 403",
        None,
    )
    unreachable = EngineUnreachableError("refused")
    assert unquoted(unreachable) is unreachable


def test_an_unknown_target_is_mended_by_another_name() -> None:
    """The engine may well be ours."""
    attempt = unusable(Place(ENDPOINT), NO_TARGET, None)
    assert attempt.detail == f"{ENDPOINT}: the engine there {NO_TARGET}"
    assert "--target" in (attempt.hint or "")


def test_of_several_the_one_that_somebody_named_is_the_failure() -> None:
    """A stranger at the gateway is nobody's mistake."""
    named = unusable(Place("unix:///e", named_by="mount"), STRANGER, None)
    guessed = unusable(Place(ENDPOINT, guessed=True, named_by="network"), STRANGER, None)
    assert failure((guessed, named), []).detail == named.detail
    assert failure((guessed,), []).detail == guessed.detail


def test_every_outcome_has_a_meaning() -> None:
    """Whatever comes of a place, the table says what follows from it."""
    outcomes = {*chain.from_iterable(map(get_args, get_args(AttemptOutcome)))}
    assert set(MEANINGS) == outcomes
