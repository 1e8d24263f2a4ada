"""Refusals are remembered, per capability, for ten minutes."""

from __future__ import annotations

from itertools import chain
from typing import get_args

import pytest

from selfinspect.engine.api.capabilities import RETRY, Capabilities, allowing
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineUnreachableError,
    EngineUnsupportedError,
    UnknownContainerError,
)
from selfinspect.model import CAPABILITIES, Capability


class Asked:
    """Counts its questions, and answers as it was set up to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.count = 0
        self.error = error

    def __call__(self) -> str:
        self.count += 1
        if self.error is not None:
            raise self.error
        return "answer"


def _refusal(kind: type[EngineAnswerError]) -> EngineAnswerError:
    return kind("no", code=403, capability="top", endpoint="unix:///x", hint="allow it")


def test_nothing_is_known_at_first() -> None:
    """Every capability has a state, and it is `unknown`."""
    assert dict(Capabilities().states()) == dict.fromkeys(CAPABILITIES, "unknown")


@pytest.mark.parametrize(
    ("kind", "state"), [(EngineDeniedError, "denied"), (EngineUnsupportedError, "unsupported")]
)
def test_a_refusal_is_not_asked_for_again_for_ten_minutes(
    kind: type[EngineAnswerError], state: str
) -> None:
    """The same error is raised without a request, until it may have changed."""
    now = [0.0]
    capabilities, asked = Capabilities(lambda: now[0]), Asked(_refusal(kind))
    for now[0] in (0.0, 1.0, RETRY - 1):
        with pytest.raises(kind) as caught:
            capabilities.ask("top", asked)
        assert (caught.value.detail, caught.value.code, caught.value.hint) == (
            "no",
            403,
            "allow it",
        )
    assert asked.count == 1
    assert capabilities.states()["top"] == state
    now[0], asked.error = RETRY, None
    assert capabilities.ask("top", asked) == "answer"
    assert capabilities.states()["top"] == "allowed"


def test_one_refusal_speaks_for_no_other() -> None:
    """`top` denied, `stats` is asked for."""
    capabilities = Capabilities()
    with pytest.raises(EngineDeniedError):
        capabilities.ask("top", Asked(_refusal(EngineDeniedError)))
    assert capabilities.ask("stats", Asked()) == "answer"


@pytest.mark.parametrize(
    "error",
    [EngineUnreachableError("away"), _refusal(UnknownContainerError), _refusal(EngineAnswerError)],
)
def test_what_is_no_refusal_is_not_remembered(error: Exception) -> None:
    """An engine that is away, or a container that does not run, says nothing of what is let in."""
    capabilities, asked = Capabilities(), Asked(error)
    for _ in range(2):
        with pytest.raises(type(error)):
            capabilities.ask("top", asked)
    assert asked.count == 2
    assert capabilities.states()["top"] == "unknown"


@pytest.mark.parametrize("capability", [*chain(*map(get_args, get_args(Capability)))])
def test_every_request_has_a_variable_and_a_path(capability: Capability) -> None:
    """Whatever the client can ask for, a person can open: each capability has its row."""
    text = allowing(capability)
    assert "=1" in text
    assert " /" in text


def test_the_variable_is_the_proxies_own() -> None:
    """All that is asked of one container stands under one variable."""
    assert "INFO=1" in allowing("info")
    assert "CONTAINERS=1" in allowing("top")
