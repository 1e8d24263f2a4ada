"""What public images carry: their variables, labels, commands, health checks and logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

import pytest

from selfinspect.masking import LineMasking, Masking

FIXTURES = Path(__file__).parents[2] / "fixtures" / "masking"


class Case(TypedDict, total=False):
    """`where` a text stands, what is `given`, what of it to `hide` or to `leave` readable."""

    where: str
    given: str | list[str]
    hide: list[str]
    leave: str


HIDE: list[Case] = json.loads((FIXTURES / "hide.json").read_text())
LEAVE: list[Case] = json.loads((FIXTURES / "leave.json").read_text())


def shown(case: Case) -> str:
    """The text as the agent shows it."""
    masking = Masking()
    match case["where"], case["given"]:
        case "env" | "label", [str(name), str(value)]:
            return masking.value(name, value)
        case "cmd", [*words]:
            return "\n".join(masking.arguments(words))
        case "health", str(script):
            return masking.arguments(["CMD-SHELL", script])[1]
        case "log", str(text):
            lines = LineMasking(masking)
            return "\n".join(map(lines.line, text.split("\n")))
    raise ValueError(case)


@pytest.mark.parametrize("case", HIDE, ids=str)
def test_what_programs_are_known_to_be_given_is_hidden(case: Case) -> None:
    """Whatever image it is, wherever it stands."""
    masked = shown(case)
    assert not [secret for secret in case["hide"] if secret in masked]


@pytest.mark.parametrize("case", LEAVE, ids=str)
def test_the_ordinary_settings_of_public_images_stay_readable(case: Case) -> None:
    """Hiding more is not hiding better."""
    assert case["leave"] in shown(case)
