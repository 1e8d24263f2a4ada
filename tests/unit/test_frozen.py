"""Dataclasses with shared methods are the library's frozen, slotted ones in all that we use."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from typing import TYPE_CHECKING, Any

import pytest

from selfinspect.frozen import dataclass
from selfinspect.model import Stop

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Ours:
    first: int
    second: str = "b"
    made: dict[str, int] = field(default_factory=dict)
    secret: str = field(default="s", repr=False)
    beside: int = field(default=0, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    first: int
    second: str = "b"
    made: dict[str, int] = field(default_factory=dict)
    secret: str = field(default="s", repr=False)
    beside: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Hashed:
    name: str
    beside: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    one: int = 1
    two: int


CALLS: list[Callable[..., Any]] = [
    lambda kind: kind(1),
    lambda kind: kind(1, "x", {"y": 2}, "z", 3),
    lambda kind: kind(second="x", first=1),
    lambda kind: replace(kind(1), second="x"),
]


@pytest.mark.parametrize("call", CALLS)
def test_it_is_made_and_shown_as_the_librarys(call: Callable[..., Any]) -> None:
    """Positional, by name, by default, by `replace`; what is not to be shown is not."""
    ours, theirs = call(Ours), call(Theirs)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert asdict(ours) == asdict(theirs)
    assert not hasattr(ours, "__dict__")


@pytest.mark.parametrize(
    "call",
    [
        lambda kind: kind(),
        lambda kind: kind(1, first=1),
        lambda kind: kind(1, third=3),
        lambda kind: kind(1, "b", {}, "s", 0, "too many"),
    ],
)
def test_wrong_arguments_are_refused(call: Callable[..., object]) -> None:
    """One that is missing, given twice, unknown, or too many: as the library does."""
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError):
            call(kind)


def test_it_cannot_be_changed() -> None:
    """Neither set nor deleted, whatever the name."""
    ours: Any = Ours(1)
    for name in ("first", "another"):
        with pytest.raises(FrozenInstanceError):
            setattr(ours, name, 2)
    with pytest.raises(FrozenInstanceError):
        del ours.first
    assert ours.first == 1


def test_equality_is_of_the_fields_that_are_compared() -> None:
    """And of one class: a record of another with the same values is another."""
    assert Ours(1, beside=1) == Ours(1, beside=2)
    assert Ours(1) != Ours(2)
    theirs: object = Theirs(1)
    assert Ours(1) != theirs
    assert hash(Hashed("a", 1)) == hash(Hashed("a", 2))
    assert len({Hashed("a"), Hashed("a", 1), Hashed("b")}) == 2


def test_a_default_that_is_made_is_made_for_each() -> None:
    """Two records share no dict."""
    assert Ours(1).made is not Ours(1).made


def test_keyword_only_fields_have_no_place() -> None:
    """A required one may stand behind one with a default."""
    assert [each.name for each in fields(Named)] == ["one", "two"]
    assert (Named(two=2).one, Named(one=3, two=2).one) == (1, 3)
    make: Any = Named
    with pytest.raises(TypeError):
        make(1, 2)


def test_a_class_that_can_change_is_the_librarys() -> None:
    """Only frozen ones with slots share their methods."""
    with pytest.raises(TypeError):
        dataclass(frozen=False, slots=True)


def test_a_record_can_be_copied_and_pickled() -> None:
    """An app may do either with what `selfinspect.me()` gives it."""
    record = Stop("SIGTERM", 10, "container")
    assert (
        copy.deepcopy(record) == copy.copy(record) == pickle.loads(pickle.dumps(record)) == record
    )
