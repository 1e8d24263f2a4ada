"""Secrets on command lines: values of flags, and what well-known programs take as a password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from selfinspect.masking.names import is_plain, is_prose, is_reference, is_secret_word, words
from selfinspect.masking.rules import PROGRAMS
from selfinspect.masking.rules.rule import taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Given: TypeAlias = "Callable[[str, str], Iterable[tuple[int, int]]]"

_FLAG = re.compile(r"(?:--?|\+)([A-Za-z][\w.-]+)(?:=(.+))?", re.DOTALL)
# `token` and `secret` alone are commands, or the kind of a thing that is named next.
_PASSWORD = re.compile(
    r"(?!\w*passwd\Z)\w*(?:passw|passphrase|requirepass|masterauth)\w*", re.IGNORECASE
)
_SETTING = re.compile(r"[A-Za-z]\w*[._:-]\w[\w.:-]*")
_SHELL_WORD = re.compile(
    r"\"[^\"\\]*(?:\\.[^\"\\]*)*\"|'[^']*'|[;|&()\n]+|[^\s\"';|&()]+|[\"']", re.DOTALL
)
# What stands in a text that is a command line: a flag, or a program that takes bare words.
_COMMAND = re.compile(
    r"(?:^|[\s\"'(=])(?:--?|[/+])[A-Za-z]|<<<|(?:echo|printf) "
    r"|alias|auth |auth(?:token|enticate_user)|config|connect |db2|email|expdp|impdp|isql"
    r"|login|obscure|passw|register|sqlplus|unlock|unseal|user add|users add|vault|wpa_passphrase"
    r"|(?:add|change)_(?:user|password)|redis-server",
    re.IGNORECASE,
)
_NESTING = 3

_PATTERNS = {program: rule.pattern for rule in PROGRAMS for program in rule.hint}
_FAMILIES = tuple(program[:-1] for program in _PATTERNS if program.endswith("*"))


def passed(argv: Sequence[str], given: Given) -> Iterator[tuple[int, int, int]]:
    """Yield the word, and where in it, that hands a program a secret.

    Args:
        argv: the words of a command line, or of several with their separators between them.
        given: yields what is secret of the value of a flag's name.
    """
    line = "\0".join(argv)
    if line.count("\0") != len(argv) - 1:
        line = "\0".join(word.replace("\0", " ") for word in argv)
    pattern: str | None = None
    at = 0
    for index, word in enumerate(argv):
        value = argv[index + 1] if index + 1 < len(argv) else "-"
        if flag := _named(argv, index, value):
            name, inline = flag
            if inline is not None and not is_reference(inline):
                start = len(word) - len(inline)
                yield from ((index, start + each, start + end) for each, end in given(name, inline))
            elif inline is None and not value.startswith("-") and not is_reference(value):
                yield from ((index + 1, start, end) for start, end in given(name, value))
        if word and not word.strip(";|&()\n"):
            pattern = None
        elif not word.startswith("-"):
            pattern = _pattern(word.rpartition("/")[2]) or pattern
        if pattern and (match := re.compile(pattern).match(line, at)):
            yield from _taken(match, index)
        at += len(word) + 1


def spoken(text: str, given: Given, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Yield where in a script or a process's title a secret is handed to a program."""
    if depth > _NESTING or not _COMMAND.search(text):
        return
    found = list(_SHELL_WORD.finditer(text))
    inner = [_unquoted(match) for match in found]
    bare = [text[start:end] for start, end in inner]
    for index, start, end in passed(bare, given):
        offset = inner[index][0]
        yield offset + start, offset + end
    for (start, end), match in zip(inner, found, strict=True):
        if end - start < len(match[0]):
            for first, last in spoken(text[start:end], given, depth + 1):
                yield start + first, start + last


def _named(argv: Sequence[str], index: int, value: str) -> tuple[str, str | None] | None:
    """The name of what a flag, or the name of a secret setting by itself, gives a value.

    With it that value, where it stands in the same word behind a `=`.
    """
    word = argv[index]
    if word[:1] in {"-", "+"}:
        if word == "-u":
            return "user", None
        flag = _FLAG.fullmatch(word)
        return (flag[1], flag[2]) if flag else None
    if index and argv[index - 1].startswith("-"):
        return None
    if _PASSWORD.fullmatch(word):
        return None if is_prose(value) else (word, None)
    is_setting = _SETTING.fullmatch(word) and is_secret_word(words(word)[-1])
    return (word, None) if is_setting and not is_plain(value) else None


def _pattern(program: str) -> str | None:
    """What this program takes as a secret; None where it is no program, or takes none."""
    if program.startswith(_FAMILIES):
        family = next(family for family in _FAMILIES if program.startswith(family))
        return _PATTERNS.get(program, _PATTERNS[family + "*"])
    return _PATTERNS.get(program) or _PATTERNS.get(program.lower())


def _taken(match: re.Match[str], index: int) -> Iterator[tuple[int, int, int]]:
    """The words that a program's pattern took, from that of this index on."""
    line, at = match.string, match.start()
    for start, end in taken(match):
        if start < end and not is_reference(line[start:end]):
            begin = max(line.rfind("\0", at, start) + 1, at)
            yield index + line.count("\0", at, start), start - begin, end - begin


def _unquoted(match: re.Match[str]) -> tuple[int, int]:
    start, end = match.span()
    if end - start > 1 and match[0][0] in "\"'" and match[0][0] == match[0][-1]:
        return start + 1, end - 1
    return start, end
