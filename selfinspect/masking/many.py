"""Very many secrets in little memory, for an engine's document that holds hundreds of thousands.

A regular expression of a hundred thousand secrets takes a gigabyte. Here each takes eight bytes.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from selfinspect.masking.learnt import SHORTEST, forms_of, is_word, lowered

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = 16
"""Characters at the beginning of a form by which it is known; what is longer is hidden to the end
of the word that it begins.
"""

_BITS: Final = 1 << 23
_RUN = 1 << 16
_ENCODED = 20_000
"""So many of the first are found in base64 and hexadecimal, too."""

_WORD = re.compile(r"[^\s\"'<>,;]*")


class Many:
    """Finds secrets by fingerprints of their beginnings. Nothing of them can be read back.

    It hides more than `Known` does: the whole of a word that begins as a secret does, and each
    word of a secret that has several.
    """

    def __init__(self) -> None:
        self._count = 0
        self._beginnings = bytearray(_BITS // 8)
        self._lengths: set[int] = set()
        # Sorted runs of fingerprints, and those that wait to be the next.
        self._runs: list[array[int]] = []
        self._new: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._count)

    def add(self, secret: str) -> None:
        """Know one more, from six characters on."""
        self._count += 1
        forms = forms_of(secret) if self._count <= _ENCODED else {secret}
        for form in {*forms, *secret.split()}:
            if len(form) >= SHORTEST:
                self._add(lowered(form)[:_KEY])

    def again(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where in a text one of them stands."""
        text_lowered, lengths = lowered(text), sorted(self._lengths, reverse=True)
        beginnings, at, last = self._beginnings, 0, len(text) - SHORTEST
        while at <= last:
            place = hash(text_lowered[at : at + SHORTEST]) % _BITS
            if beginnings[place >> 3] >> (place & 7) & 1:
                end = self._end(text, text_lowered, at, lengths)
                if end:
                    yield at, end
                    at = end
                    continue
            at += 1

    def _add(self, key: str) -> None:
        place = hash(key[:SHORTEST]) % _BITS
        self._beginnings[place >> 3] |= 1 << (place & 7)
        self._lengths.add(len(key))
        if not self._holds(key):
            self._new.add(hash(key))
            if len(self._new) >= _RUN:
                self._runs.append(array("q", sorted(self._new)))
                self._new = set()

    def _holds(self, key: str) -> bool:
        fingerprint = hash(key)
        if fingerprint in self._new:
            return True
        for run in self._runs:
            at = bisect_left(run, fingerprint)
            if at < len(run) and run[at] == fingerprint:
                return True
        return False

    def _end(self, text: str, text_lowered: str, at: int, lengths: list[int]) -> int:
        """Where the secret that begins at a place ends; 0 where none does."""
        for length in lengths:
            end = at + length
            if end > len(text) or not self._holds(text_lowered[at:end]):
                continue
            if length == _KEY:
                match = _WORD.match(text, end)
                return match.end() if match else end
            if not is_word(text[at:end]) or _stands_alone(text, at, end):
                return end
        return 0


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit stands beside a word: else it is part of another."""
    return not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())
