"""A document in parts that say together what it says: who looks at one need not hold the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json

_MOST = 1024
"""Arrays, objects and scalars in a part; so many characters count as one more."""

_CHARACTERS = 64
_BESIDE = 64
_IN_COMMON = 2
"""Entries of an array that two parts have in common: a flag and its value stay together."""

_TEXT_IN_COMMON = 1024


def portions(document: Json) -> Iterator[Json]:
    """Yield the whole where it is small, else parts: each an excerpt in the same places.

    A long text comes in pieces as well, which overlap: a secret may stand at a cut.
    """
    if _weight(document) <= _MOST:
        yield document
    elif isinstance(document, str):
        longest = _MOST * _CHARACTERS
        for begin in range(0, len(document), longest - _TEXT_IN_COMMON):
            yield document[begin : begin + longest]
    elif isinstance(document, list):
        yield from _of_array(document)
    elif isinstance(document, dict):
        yield from _of_object(document)


def _of_array(entries: list[Json]) -> Iterator[Json]:
    begin, weight = 0, 0
    for at, entry in enumerate(entries):
        more = _weight(entry)
        if weight and weight + more > _MOST:
            yield entries[max(0, begin - _IN_COMMON) : at]
            begin, weight = at, 0
        if more > _MOST:
            for part in portions(entry):
                yield [part]
            begin, weight = at + 1, 0
        else:
            weight += more
    if begin < len(entries):
        yield entries[max(0, begin - _IN_COMMON) :]


def _of_object(members: dict[str, Json]) -> Iterator[Json]:
    small = [name for name, each in members.items() if _weight(each) <= _MOST]
    # The program stands beside its arguments.
    beside = {name: members[name] for name in small} if len(small) <= _BESIDE else {}
    for begin in range(0, len(small), _BESIDE):
        yield {name: members[name] for name in small[begin : begin + _BESIDE]}
    for name, each in members.items():
        if _weight(each) > _MOST:
            for part in portions(each):
                yield {**(beside if isinstance(each, list) else {}), name: part}


def _weight(document: Json) -> int:
    """How much it is; of what is too much for a part, not all is counted."""
    waiting, weight = [document], 0
    while waiting and weight <= _MOST:
        node = waiting.pop()
        weight += 1
        if isinstance(node, str):
            weight += len(node) // _CHARACTERS
        elif isinstance(node, list | dict):
            if len(node) > _MOST:
                return _MOST + 1
            waiting += node if isinstance(node, list) else node.values()
            weight += sum(map(len, node)) // _CHARACTERS if isinstance(node, dict) else 0
    return weight
