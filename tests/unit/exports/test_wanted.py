"""What `--export-env` is asked for."""

from __future__ import annotations

import pytest

from selfinspect.exports.own import parse_wanted


@pytest.mark.parametrize(
    ("text", "own", "otel", "runtimes"),
    [
        ("self", True, False, set()),
        ("self,otel,size", True, True, {"usual"}),
        (" otel , size ", False, True, {"usual"}),
        ("size:go,web", False, False, {"go", "web"}),
        ("self,size:node", True, False, {"node"}),
        ("size:go,self", True, False, {"go"}),
        ("size,size:web", False, False, {"usual", "web"}),
    ],
)
def test_a_list_names_sets_and_runtimes(
    text: str, *, own: bool, otel: bool, runtimes: set[str]
) -> None:
    """Runtimes stand behind `size:`."""
    wanted = parse_wanted(text)
    assert (wanted.own, wanted.otel, set(wanted.runtimes)) == (own, otel, runtimes)


@pytest.mark.parametrize("text", ["", "self,", "go", "size:", "size:ruby", "all", "self;otel"])
def test_a_word_that_is_neither_is_an_error(text: str) -> None:
    """It says which word, and what there is."""
    with pytest.raises(ValueError, match=r"is unknown: it takes self, otel, size, and size:RUNT"):
        parse_wanted(text)


def test_sizes_need_no_agent() -> None:
    """PID 1 reads them from the kernel."""
    assert not parse_wanted("size").needs_agent
    assert parse_wanted("size,otel").needs_agent


OFFERED = {
    "SELFINSPECT_CONTAINER_NAME": "web",
    "SELFINSPECT_IP": "1.2.3.4",
    "OTEL_RESOURCE_ATTRIBUTES": "team=a,container.name=web",
    "LD_PRELOAD": "/evil",
    "NODE_OPTIONS": "--require /evil",
    "SELFINSPECT_ENGINE": "tcp://evil",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("self", {"SELFINSPECT_CONTAINER_NAME", "SELFINSPECT_IP"}),
        ("otel", {"OTEL_RESOURCE_ATTRIBUTES"}),
        ("size", set()),
    ],
)
def test_only_known_names_are_taken_from_the_agent(text: str, expected: set[str]) -> None:
    """What an engine says reaches the agent, and sets no variable that runs code."""
    given = {"OTEL_RESOURCE_ATTRIBUTES": "team=a"}
    assert set(parse_wanted(text).admitted(OFFERED, given)) == expected


def test_attributes_that_do_not_begin_with_the_users_are_not_taken() -> None:
    """What the user wrote stays, whatever the agent says."""
    given = {"OTEL_RESOURCE_ATTRIBUTES": "team=b"}
    assert parse_wanted("otel").admitted(OFFERED, given) == {}
