"""Secrets that sentences tell, `the password is …`, in the same line or in the next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selfinspect.masking.names import is_plain, is_prose, is_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.masking.names import Judge

# What a person is told: `the password is …`, `Unseal Key 1: …`.
_TOLD = re.compile(
    r"""
    (?: \b | _ )
    (?: (?P<pass> pass(?:word|phrase|code) ) | secret | token
      | (?: access | api | encryption | private | recovery | secret | unseal ) [ -] key )
    (?: [ ] \d{1,2} )? (?P<is> [ ] (?: is | was | set[ ]to | changed[ ]to ) )?
    (?: (?: [ ] generated )? [ ] for [ ] (?! (?: account | host | user ) : )
        [^\s:]{1,128} (?= : ) )?
    (?: (?P<colon> [:=] ) [ ]? | \s )
    ["'`]? (?P<told> [^\s"'`:,;()\[\]{}]{6,256} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A line that a line with nothing but a secret follows.
_ANNOUNCES = re.compile(
    r"(?:passw|passphrase|secret|token|\bkey\b)[^\n]{0,160}:(?:[ \t]{0,8}[|>]-?)?\Z", re.IGNORECASE
)
_ANNOUNCED = re.compile(
    r"\s*+(?!\S{0,64}://|/)(?!(?:[A-Z]?[a-z-]+|[A-Z_-]+)[:.,]?\s)([^\s=\[]\S{7,255})\s*"
)


def told(text: str, secret: Judge) -> Iterator[tuple[int, int]]:
    """Yield where a secret stands behind the words that tell of it.

    Args:
        text: whatever a program printed, a script, a document.
        secret: says whether the value of a name is one.
    """
    for match in _TOLD.finditer(text):
        if _is_told(match, secret):
            yield match.span("told")
    yield from _below(text)


def announces(line: str) -> bool:
    """Whether a line says that the next one is a secret."""
    line = line.rstrip()
    return line.endswith((":", "|", ">", "-")) and _ANNOUNCES.search(line) is not None


def announced(line: str) -> tuple[int, int] | None:
    """Where the one word of a line stands that looks like what was announced."""
    match = _ANNOUNCED.fullmatch(line + "\n")
    return match.span(1) if match else None


def _below(text: str) -> Iterator[tuple[int, int]]:
    """Secrets that stand below the line that announces them."""
    at, waiting = 0, False
    for line in text.splitlines(keepends=True) if "\n" in text else ():
        if waiting and (span := announced(line)):
            yield at + span[0], at + span[1]
        waiting = announces(line) or (waiting and not line.strip())
        at += len(line)


def _is_told(match: re.Match[str], secret: Judge) -> bool:
    """Whether what follows is a secret, and not the next word of a sentence about one."""
    value = match["told"].rstrip(".!")
    if is_reference(value):
        return False
    if match["colon"]:
        return secret("password", value)
    return not (is_prose(value) if match["pass"] or match["is"] else is_plain(value))
