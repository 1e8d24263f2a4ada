"""Where secrets stand on command lines: values of flags, passwords of well-known programs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from selfinspect.masking.names import is_plain, is_prose, is_reference, is_secret_word, words
from selfinspect.masking.rules import taken
from selfinspect.masking.rules.programs import PROGRAMS

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
    r"\"(?>(?:[^\"\\]|\\.)*)\"|'[^']*'|[;|&()\n]+|(?:[^\s\"';|&()\\]|\\.)+|[\"'\\]", re.DOTALL
)
_SWITCH = re.compile(r"[-+](?<![^\s\"'(=+-].)[+-]?[A-Za-z]")
# What of a program that takes a secret without a flag stands in a text.
_BARE = (
    *("<<<", "echo ", "printf ", "auth ", "addauth", "connect ", "user add", "users add"),
    *("add_user", "alias", "authenticate_user", "authtoken", "config", "db2", "email", "expdp"),
    *("freerdp", "impdp", "isql", "login", "obscure", "passw", "redis-server", "register"),
    *("set-agent-token", "sqlplus", "token ", "unlock", "unseal", "vault"),
)
# A value that begins so is the next flag, or where a shell reads from.
_NO_VALUE = frozenset("-<>|;&")
_SEPARATORS = frozenset(";|&()\n")
_QUOTES = frozenset("\"'")
_SHORTEST_NAME = 5
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
    take: re.Pattern[str] | None = None
    at = 0
    before = ""
    for index, word in enumerate(argv):
        if flag := _named(word, before):
            value = argv[index + 1] if index + 1 < len(argv) else "-"
            for offset, start, end in _given(flag, word, value, given):
                yield index + offset, start, end
        if word[:1] in _SEPARATORS and not word.strip(";|&()\n"):
            take = None
        elif word[:1] != "-" and (take is None or before[:1] != "-"):
            take = _pattern(word) or take
        if take and (match := take.match(line, at)):
            yield from _taken(match, index)
        at += len(word) + 1
        before = word


def passed_in_text(text: str, given: Given, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Yield where in a script or a process's title a secret is handed to a program."""
    if depth > _NESTING or not (_SWITCH.search(text) or _hints_at_program(text.lower())):
        return
    bare: list[str] = []
    starts: list[int] = []
    quoted: list[int] = []
    for match in _SHELL_WORD.finditer(text):
        word, start = match[0], match.start()
        if word[0] in _QUOTES and len(word) > 1 and word[-1] == word[0]:
            word, start = word[1:-1], start + 1
            quoted.append(len(bare))
        bare.append(word)
        starts.append(start)
    for index, first, last in passed(bare, given):
        yield starts[index] + first, starts[index] + last
    for index in quoted:
        for first, last in passed_in_text(bare[index], given, depth + 1):
            yield starts[index] + first, starts[index] + last


def _hints_at_program(lowered: str) -> bool:
    if len(lowered.split(None, 1)) < 2:  # noqa: PLR2004 - a program, and what it is given
        return False
    return bool([hint for hint in _BARE if hint in lowered])  # faster than any()


def _named(word: str, before: str) -> tuple[str, str | None] | None:
    """The name of what a flag, or the name of a secret setting by itself, gives a value.

    With it that value, where it stands in the same word behind a `=`.
    """
    if word[:1] in {"-", "+"}:
        if word == "-u":
            return "user", None
        flag = _FLAG.fullmatch(word)
        return (flag[1], flag[2]) if flag else None
    if len(word) < _SHORTEST_NAME or before[:1] == "-":
        return None
    if word.isidentifier():
        return (word, None) if _PASSWORD.fullmatch(word) else None
    is_setting = _SETTING.fullmatch(word) and is_secret_word(words(word)[-1])
    return (word, None) if is_setting else None


def _given(
    flag: tuple[str, str | None], word: str, value: str, given: Given
) -> Iterator[tuple[int, int, int]]:
    """What is secret of what a flag gives: in its own word, or in the next, which is the value."""
    name, inline = flag
    if inline is not None:
        at = len(word) - len(inline)
        if not is_reference(inline):
            yield from ((0, at + start, at + end) for start, end in given(name, inline))
    elif not (value[:1] in _NO_VALUE or is_reference(value) or _is_talk(word, value)):
        yield from ((1, start, end) for start, end in given(name, value))


def _is_talk(word: str, value: str) -> bool:
    """Whether a word without a dash is part of a sentence, and not a setting with a value."""
    if word[0] in {"-", "+"}:
        return False
    if not word.isidentifier():
        return is_plain(value)
    return is_prose(value) or is_prose(value.rstrip(":,.;"))


def _pattern(word: str) -> re.Pattern[str] | None:
    """The pattern of what a program takes as a secret; None if it takes none, or is none."""
    program = word.rpartition("/")[2]
    pattern = _PATTERNS.get(program) or _PATTERNS.get(program.lower())
    if pattern is None and program.startswith(_FAMILIES):
        pattern = next(
            _PATTERNS[family + "*"] for family in _FAMILIES if program.startswith(family)
        )
    return re.compile(pattern) if pattern else None


def _taken(match: re.Match[str], index: int) -> Iterator[tuple[int, int, int]]:
    """The words that a program's pattern took, from that of this index on."""
    line, at = match.string, match.start()
    for start, end in taken(match):
        if start < end and not is_reference(line[start:end]):
            begin = max(line.rfind("\0", at, start) + 1, at)
            yield index + line.count("\0", at, start), start - begin, end - begin
