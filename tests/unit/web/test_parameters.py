"""What stands behind the question mark."""

from __future__ import annotations

import pytest
from starlette.datastructures import QueryParams

from selfinspect.errors import BadRequestError
from selfinspect.web.parameters import boolean, moment, number, seconds, single

NOW = 1_000_000_000 * 10**9


def test_a_parameter_is_given_once_or_not_at_all() -> None:
    """Which of two values was meant is unclear; others do not matter."""
    query = QueryParams("a=1&b=2&b=2&c=")
    assert (single(query, "a"), single(query, "c"), single(query, "d")) == ("1", "", None)
    with pytest.raises(BadRequestError, match="b is given 2 times"):
        single(query, "b")


@pytest.mark.parametrize(("text", "expected"), [("1", 1), ("1000", 1000), ("007", 7)])
def test_a_number_is_read(text: str, expected: int) -> None:
    """Any whole number in range."""
    assert number(QueryParams({"n": text}), "n", default=100, largest=1000) == expected


@pytest.mark.parametrize("text", ["0", "1001", "-1", "+1", "1.0", "", " 1", "ten", "٣", "9" * 5000])
def test_a_number_out_of_range_is_refused(text: str) -> None:
    """Nothing is clamped or guessed."""
    with pytest.raises(BadRequestError) as raised:
        number(QueryParams({"n": text}), "n", default=100, largest=1000)
    assert raised.value.hint == "n takes a number from 1 to 1000"


def test_a_number_that_is_not_given_has_its_default() -> None:
    """Absent is not empty."""
    assert number(QueryParams(""), "n", default=100, largest=1000) == 100


def test_a_time_is_in_nanoseconds() -> None:
    """In each form that `times.asked_for` takes."""
    assert moment(QueryParams({"since": "5m"}), "since", NOW) == NOW - 300 * 10**9
    with pytest.raises(BadRequestError, match=r"since .* is not a time"):
        moment(QueryParams({"since": "noon"}), "since", NOW)


def test_a_time_that_is_not_given_is_none() -> None:
    """Absent bounds nothing."""
    assert moment(QueryParams(""), "since", NOW) is None


@pytest.mark.parametrize(("text", "value"), [(None, False), ("false", False), ("true", True)])
def test_a_switch_is_true_or_false(text: str | None, value: bool) -> None:  # noqa: FBT001
    """And false where it is not given."""
    assert boolean(QueryParams({} if text is None else {"on": text}), "on") is value


@pytest.mark.parametrize("text", ["", "1", "yes", "TRUE", "true "])
def test_another_word_is_no_switch(text: str) -> None:
    """The hint says which two there are."""
    with pytest.raises(BadRequestError, match="on ") as raised:
        boolean(QueryParams({"on": text}), "on")
    assert raised.value.hint == "on takes true or false"


@pytest.mark.parametrize(
    ("text", "value"),
    [(None, 5), ("0", 0), ("0.5", 0.5), ("10", 10), ("1e1", 10), ("5e-324", 5e-324)],
)
def test_seconds_are_a_number(text: str | None, value: float) -> None:
    """From 0 to the largest."""
    query = QueryParams({} if text is None else {"for": text})
    assert seconds(query, "for", default=5, largest=10) == value


@pytest.mark.parametrize(
    "text", ["", "-1", "10.1", "11", "1s", "1e999", "1_0", ".5", "5.", "inf", "²"]
)
def test_other_seconds_are_refused(text: str) -> None:
    """The hint says what is taken."""
    with pytest.raises(BadRequestError, match="for ") as raised:
        seconds(QueryParams({"for": text}), "for", default=5, largest=10)
    assert raised.value.hint == "for takes seconds from 0 to 10"
