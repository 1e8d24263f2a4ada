"""Secrets learnt from a document, found again wherever and in whatever form they come back.

A few are found exactly, by one regular expression, which takes a KiB for each. A document may hold
hundreds of thousands: the others are found by fingerprints, eight bytes each. A large document is
learnt from in parts, so that what is found in all of it need not be held at once.
"""

from __future__ import annotations

import re
from array import array
from base64 import b64encode
from bisect import bisect_left
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Final

from selfinspect.masking.encodings import unescaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selfinspect.model import Json

# Shorter values would hide half of every text in which they happen to occur.
_SHORTEST = 6
# Below this length letters alone, or digits alone, may be part of an ordinary word or number.
_SHORTEST_APART = 12
# A line that is long enough to be found again; a private key has no other lines.
_SHORTEST_LINE = 16

# Behind a flag's letter a word begins as well.
_BEGIN = r"(?:(?<![0-9A-Za-z])|(?<=-[A-Za-z]))"
_END = r"(?![0-9A-Za-z])"
# Other forms are found in capitals as well, and in small letters.
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)

_KEY = 16
"""Characters at the beginning of a form that are its key; of a longer one the whole word is
hidden that it begins.
"""

_BITS: Final = 1 << 23
_RUN = 1 << 16
_ENCODED = 20_000
"""Of so many, the first, base64 and hexadecimal are found, too."""

_WORD = re.compile(r"[^\s\"'<>,;]*")

_MOST = 1024
"""Arrays, objects and scalars in a part; so many characters count as one more."""

_CHARACTERS = 64
_BESIDE = 64
_IN_COMMON = 2
"""Entries of an array that two parts have in common: a flag and its value stay together."""

_TEXT_IN_COMMON = 1024


def worth_finding(secret: str) -> Iterator[str]:
    """Yield what to look for later: the secret, and the lines of one that has several."""
    secret = secret.strip()
    if len(secret) >= _SHORTEST:
        yield secret
    lines = secret.replace("\\n", "\n").splitlines()
    if len(lines) > 1:
        shortest = _SHORTEST if secret.startswith("-----BEGIN ") else _SHORTEST_LINE
        for line in map(str.strip, lines):
            if len(line) >= shortest and not line.startswith("-----"):
                yield line


class Exact:
    """Finds secrets in any of their forms.

    Args:
        secrets: the secrets.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        words = {form for form in forms if _is_word(form)}
        self._words = _any_of(words, _BEGIN, _END)
        self._others = _any_of({_lowered(form) for form in forms - words})

    def found(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where in a text one of them stands."""
        if self._words:
            yield from (match.span() for match in self._words.finditer(text))
        if self._others:
            yield from (match.span() for match in self._others.finditer(_lowered(text)))


class Fingerprints:
    """Finds secrets by fingerprints of their beginnings, from which nothing can be read back.

    It hides more than `Exact` does: the whole of a word that begins as a secret does, and each
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
        """Add one more, of six characters or longer."""
        self._count += 1
        forms = _forms(secret) if self._count <= _ENCODED else {secret}
        for form in {*forms, *secret.split()}:
            if len(form) >= _SHORTEST:
                self._add(_lowered(form)[:_KEY])

    def found(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where in a text one of them stands."""
        text_lowered, lengths = _lowered(text), sorted(self._lengths, reverse=True)
        beginnings, at, last = self._beginnings, 0, len(text) - _SHORTEST
        while at <= last:
            place = hash(text_lowered[at : at + _SHORTEST]) % _BITS
            if beginnings[place >> 3] >> (place & 7) & 1:
                end = self._end(text, text_lowered, at, lengths)
                if end:
                    yield at, end
                    at = end
                    continue
            at += 1

    def _add(self, key: str) -> None:
        place = hash(key[:_SHORTEST]) % _BITS
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
        places = ((run, bisect_left(run, fingerprint)) for run in self._runs)
        return any(at < len(run) and run[at] == fingerprint for run, at in places)

    def _end(self, text: str, text_lowered: str, at: int, lengths: list[int]) -> int:
        """Where the secret that begins at a place ends; 0 if none does."""
        for length in lengths:
            end = at + length
            if end > len(text) or not self._holds(text_lowered[at:end]):
                continue
            if length == _KEY:
                match = _WORD.match(text, end)
                return match.end() if match else end
            # A word is part of another one if a letter or a digit stands beside it.
            beside = text[at - 1 : at] + text[end : end + 1]
            if not _is_word(text[at:end]) or not any(map(str.isalnum, beside)):
                return end
        return 0


def portions(document: Json) -> Iterator[Json]:
    """Yield a small document whole, else in parts: each an excerpt in the same places.

    A long text comes in pieces as well, which overlap: a secret may stand at a cut.
    """
    if _weight(document) <= _MOST:
        yield document
    elif isinstance(document, str):
        longest = _MOST * _CHARACTERS
        for begin in range(0, len(document), longest - _TEXT_IN_COMMON):
            yield document[begin : begin + longest]
    elif isinstance(document, list):
        for begin, end in _groups(document):
            if _weight(document[begin]) > _MOST:
                yield from ([part] for part in portions(document[begin]))
            else:
                yield document[max(0, begin - _IN_COMMON) : end]
    elif isinstance(document, dict):
        yield from _of_object(document)


def _of_object(members: dict[str, Json]) -> Iterator[Json]:
    names = list(members)
    small = {name: each for name, each in members.items() if _weight(each) <= _MOST}
    for begin, end in _groups(list(members.values())):
        name = names[begin]
        if name in small:
            yield {name: members[name] for name in names[begin:end]}
            continue
        # The program stands beside its arguments.
        has_program = len(small) <= _BESIDE and isinstance(members[name], list)
        for part in portions(members[name]):
            yield {**(small if has_program else {}), name: part}


def _groups(children: Sequence[Json]) -> Iterator[tuple[int, int]]:
    """Yield where groups begin and end that are no more than a part; what is more stands alone."""
    begin = weight = 0
    for at, child in enumerate(children):
        more = _weight(child)
        if at > begin and weight + more > _MOST:
            yield begin, at
            begin, weight = at, 0
        weight += more
    if children:
        yield begin, len(children)


def _weight(document: Json) -> int:
    """How much a document is; of one that is too much for a part, not all is counted."""
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


def _lowered(text: str) -> str:
    """A text with small letters of ASCII for its capitals, each character in its place."""
    return text.translate(_LOWER)


def _forms(secret: str) -> set[str]:
    """A secret as it is, without escapes, in base64 and in hexadecimal."""
    plain = unescaped(secret)
    data = secret.encode("utf-8", "surrogatepass")
    whole = len(data) // 3 * 3
    return {
        secret,
        plain[0] if plain else secret,
        b64encode(data).decode().rstrip("="),
        b64encode(data[:whole]).decode(),
        data.hex(),
    }


def _is_word(form: str) -> bool:
    """Whether it may be part of an ordinary word or number, and counts only as a whole one."""
    return len(form) < _SHORTEST_APART and form.isascii() and (form.isalpha() or form.isdigit())


def _any_of(forms: set[str], begin: str = "", end: str = "") -> re.Pattern[str] | None:
    """What matches the longest of these forms; None if there are none.

    Those of one first letter stand together: `re` tries one alternative after another everywhere.
    """
    by_letter: dict[str, list[str]] = {}
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        by_letter.setdefault(form[0], []).append(re.escape(form[1:]))
    heads = (f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in by_letter.items())
    return re.compile(f"{begin}(?:{'|'.join(heads)}){end}") if forms else None
