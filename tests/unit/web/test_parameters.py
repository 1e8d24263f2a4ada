"""What stands behind the question mark."""

from __future__ import annotations

import pytest
from starlette.datastructures import QueryParams

from selfinspect.errors import BadRequestError
from selfinspect.web.parameters import Wait, boolean, moment, number, seconds, single, wait_of

NOW = 1_000_000_000 * 10**9
HELD = Wait(for_change=True, seconds=60, last_etag=None)


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


@pytest.mark.parametrize(
    ("query", "wait"),
    [
        ("", HELD._replace(for_change=False)),
        ("wait_for_change=false", HELD._replace(for_change=False)),
        ("wait_for_change=true", HELD),
        ("wait_for_change=true&timeout_sec=300", HELD._replace(seconds=300)),
        ("wait_for_change=true&timeout_sec=0", HELD._replace(seconds=0)),
        ("wait_for_change=true&timeout_sec=0.25", HELD._replace(seconds=0.25)),
        ("wait_for_change=true&last_etag=ab", HELD._replace(last_etag="ab")),
        ("wait_for_change=true&last_etag=%22ab%22", HELD._replace(last_etag="ab")),
        ("wait_for_change=true&last_etag=W/%22ab%22", HELD._replace(last_etag="ab")),
        ("wait_for_change=true&last_etag=", HELD._replace(last_etag="")),
    ],
)
def test_a_query_says_what_to_wait_for(query: str, wait: Wait) -> None:
    """A minute by default; the quotes of an ETag are optional."""
    assert wait_of(QueryParams(query)) == wait


@pytest.mark.parametrize(
    "query",
    [
        "wait_for_change=yes",
        "wait_for_change=",
        "wait_for_change=True",
        "wait_for_change=true&wait_for_change=true",
        "timeout_sec=-1",
        "timeout_sec=301",
        "timeout_sec=300.1",
        "timeout_sec=abc",
        "timeout_sec=",
        "timeout_sec=nan",
        "timeout_sec=1e9",
        "timeout_sec=1&timeout_sec=1",
        "last_etag=a&last_etag=b",
    ],
)
def test_a_wait_that_cannot_be_is_refused(query: str) -> None:
    """By the parameter's name, whether or not the request waits."""
    with pytest.raises(BadRequestError, match=query.partition("=")[0]) as raised:
        wait_of(QueryParams(query))
    assert raised.value.hint is None or "takes" in raised.value.hint
