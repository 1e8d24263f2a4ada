"""A secret seen once, wherever and in whatever dress it comes back."""

from __future__ import annotations

import re
from base64 import b64encode
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING

from selfinspect.masking.escapes import unescaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Shorter values would hide half of every text in which they happen to occur.
SHORTEST = 6
# Below this length letters alone, or digits alone, may be part of an ordinary word or number.
_SHORTEST_APART = 12
# A line that is long enough to be known again; those of a private key are of nothing else.
_SHORTEST_LINE = 16

# Behind a flag's letter a word begins as well.
_BEGIN = r"(?:(?<![0-9A-Za-z])|(?<=-[A-Za-z]))"
_END = r"(?![0-9A-Za-z])"
# Other forms are found in capitals as well, and in small letters.
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def worth_knowing(secret: str) -> Iterator[str]:
    """Yield what to look for later: the secret, and the lines of one that has several."""
    secret = secret.strip()
    if len(secret) >= SHORTEST:
        yield secret
    lines = secret.replace("\\n", "\n").splitlines()
    if len(lines) > 1:
        shortest = SHORTEST if secret.startswith("-----BEGIN ") else _SHORTEST_LINE
        for line in map(str.strip, lines):
            if len(line) >= shortest and not line.startswith("-----"):
                yield line


class Known:
    """Finds secrets in any of their forms.

    Args:
        secrets: the secrets.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in forms_of(secret) if len(form) >= SHORTEST}
        words = {form for form in forms if is_word(form)}
        self._words = _any_of(words, _BEGIN, _END)
        self._others = _any_of({lowered(form) for form in forms - words})

    def again(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where in a text one of them stands."""
        if self._words:
            yield from (match.span() for match in self._words.finditer(text))
        if self._others:
            yield from (match.span() for match in self._others.finditer(lowered(text)))


def lowered(text: str) -> str:
    """A text with small letters of ASCII for its capitals, each character in its place."""
    return text.translate(_LOWER)


def forms_of(secret: str) -> set[str]:
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


def is_word(form: str) -> bool:
    """Whether it may be part of an ordinary word or number, and counts as a whole one alone."""
    return len(form) < _SHORTEST_APART and form.isascii() and (form.isalpha() or form.isdigit())


def _any_of(forms: set[str], begin: str = "", end: str = "") -> re.Pattern[str] | None:
    """What matches the longest of these forms; None when there are none.

    Those of one first letter stand together: `re` tries one alternative after another everywhere.
    """
    by_letter: dict[str, list[str]] = {}
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        by_letter.setdefault(form[0], []).append(re.escape(form[1:]))
    heads = (f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in by_letter.items())
    return re.compile(f"{begin}(?:{'|'.join(heads)}){end}") if forms else None
