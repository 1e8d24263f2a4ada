"""The exit code of every verb, by what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import text
from tests.support.canned_engine import Answer, recorded
from tests.support.container_root import container_root

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.canned_engine import CannedEngine
    from tests.unit.cli.conftest import Call, Outcome

OK, NO, NO_IDENTITY, UNREACHABLE, DENIED = 0, 1, 3, 4, 5
CONTAINER = recorded("inspect")
LAYER = (text(CONTAINER, "GraphDriver", "Data", "UpperDir") or "").split("/")[-2]
PATH = f"/containers/{CONTAINER['Id']}"
TITLES = Answer(body={"Titles": ["PID"], "Processes": [["7"]]})

VERBS = [
    ("id",),
    ("id", "--json"),
    ("show",),
    ("show", "nope"),
    ("inspect",),
    ("inspect", "Nope"),
    ("stats",),
    ("events",),
    ("runs",),
    ("top",),
    ("logs",),
    ("env",),
    ("doctor",),
]


def cases(*codes: int) -> pytest.MarkDecorator:
    """Each verb, and the code that it is to end with."""
    pairs = zip(VERBS, codes, strict=True)
    return pytest.mark.parametrize(
        ("verb", "code"), [pytest.param(*each, id=" ".join(each[0])) for each in pairs]
    )


def check(outcome: Outcome, verb: tuple[str, ...], code: int) -> None:
    """It ended with that code and an error, unless the answer itself says what is wrong."""
    assert outcome.code == code
    if code == OK or verb in {("id", "--json"), ("doctor",)}:
        assert outcome.err == ""
    else:
        assert outcome.err.startswith("selfinspect: error: ")


@pytest.fixture
def root(tmp_path: Path) -> str:
    """The option by which the program takes itself for the container that the engine knows."""
    identifier = str(CONTAINER["Id"])
    folder = container_root(
        tmp_path / "root", container=identifier, layer=LAYER, hostname=identifier[:12]
    )
    return f"--root={folder}"


@pytest.fixture(autouse=True)
def journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No journal but an empty one."""
    monkeypatch.setenv("SELFINSPECT_JOURNAL", str(tmp_path / "journal"))


@cases(OK, OK, OK, NO, OK, NO, OK, OK, OK, OK, OK, OK, OK)
def test_with_an_engine_all_is_well(
    call: Call, engine: CannedEngine, root: str, verb: tuple[str, ...], code: int
) -> None:
    """But what is not there."""
    engine.knows(CONTAINER, image=recorded("image"), stats=recorded("stats"))
    engine.answers |= {f"{PATH}/top": TITLES, f"{PATH}/logs": Answer()}
    check(call(*verb, f"--engine={engine.url}", root), verb, code)


@cases(OK, OK, OK, NO, UNREACHABLE, UNREACHABLE, UNREACHABLE, UNREACHABLE, OK, UNREACHABLE,
       UNREACHABLE, UNREACHABLE, NO)  # fmt: skip
def test_without_an_engine_it_is_4(call: Call, root: str, verb: tuple[str, ...], code: int) -> None:
    """Where only an engine has the answer; the rest is printed."""
    check(call(*verb, "--engine=unix:///no/such.sock", root), verb, code)


@cases(OK, OK, OK, NO, DENIED, DENIED, DENIED, DENIED, OK, DENIED, DENIED, DENIED, NO)
def test_where_a_proxy_denies_all_it_is_5(
    call: Call, engine: CannedEngine, root: str, verb: tuple[str, ...], code: int
) -> None:
    """Where only an engine has the answer; the rest is printed."""
    engine.knows(CONTAINER)
    engine.answers |= {path: Answer(403, b"no") for path in engine.answers if path != "/_ping"}
    check(call(*verb, f"--engine={engine.url}", root), verb, code)


@cases(OK, OK, OK, NO, OK, NO, DENIED, DENIED, OK, DENIED, DENIED, OK, OK)
def test_where_a_proxy_denies_all_but_inspect_it_is_5(
    call: Call, engine: CannedEngine, root: str, verb: tuple[str, ...], code: int
) -> None:
    """Where inspect does not have the answer."""
    engine.knows(CONTAINER, image=recorded("image"))
    others = ("stats", "top", "logs", "changes")
    engine.answers |= {f"{PATH}/{each}": Answer(403, b"no") for each in others}
    engine.answers["/events"] = Answer(403, b"no")
    check(call(*verb, f"--engine={engine.url}", root), verb, code)


@cases(*[NO_IDENTITY] * 12, NO)
def test_nobody_is_3(
    call: Call, engine: CannedEngine, nowhere: tuple[str, ...], verb: tuple[str, ...], code: int
) -> None:
    """Whatever is asked: nothing of another container is printed."""
    engine.knows(CONTAINER)
    check(call(*verb, f"--engine={engine.url}", *nowhere[2:]), verb, code)


@pytest.mark.parametrize("verb", ["wait", "healthcheck"])
def test_an_agent_that_is_not_there_is_1(call: Call, verb: str) -> None:
    """It is its agent that they ask, not the engine."""
    nobody = {"SELFINSPECT_URI": "http://127.0.0.1:1"}
    check(call(verb, "--timeout", "10ms", environ=nobody), (verb,), NO)
