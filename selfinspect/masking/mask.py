"""Hides secrets in everything that leaves the process: one immutable value does it all.

Masking a document that is mostly as it was, as inspect is after each event.

Masks a text that comes line by line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import chain
from typing import TYPE_CHECKING, Final

from selfinspect.masking.commands import passed, spoken
from selfinspect.masking.encodings import encoded, unescaped
from selfinspect.masking.learnt import Known, Many, portions, worth_knowing
from selfinspect.masking.names import hints_at_secret, is_secret
from selfinspect.masking.texts import (
    announced,
    announces,
    assigned,
    declared,
    recognised,
    set_in,
    stated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from selfinspect.model import Json

MASK: Final = "[masked]"

_KNOWN = 16_384
"""Characters of secrets that are known as they are; a regular expression takes a KiB for each."""

_MASK = re.compile(re.escape(MASK))
# What colours a terminal: a name and its value may be of two.
_COLOUR = re.compile(r"\x1b\[[\d;]{0,32}m")
# Base64 in base64.
_NESTING = 2
# Characters: a longer text is looked through once, as a second look costs as much again.
_LONG = 1 << 16
_ASSIGNMENT = re.compile(r"(?:-D|-{0,2})([^\s=\"',-][^\s=\"',]*)=(.+)", re.DOTALL)
_SHELL = re.compile(r"(?:.*/)?(?:ba|da|z|k|a|fi)?sh")
_SCRIPT_FLAG = re.compile(r"-[a-z]{0,3}c")

# Members of the engine's JSON that a user fills; every other name there is the engine's own.
_ARGUMENTS = frozenset({"Args", "Cmd", "CreateCommand", "Entrypoint", "ExitCommand", "Test"})
_MAPPINGS = frozenset({"Annotations", "DriverOpts", "Labels", "Options", "StorageOpt", "Sysctls"})
_PROGRAM_OF = {"Args": "Path", "Cmd": "Entrypoint"}
# Who the container is: a password like `postgres` must not hide the image of that name.
_IDENTITY = frozenset({"Created", "Hostname", "Id", "Image", "Name", "RepoTags", "Status"})
# What programs printed and the engine measured: masked, but nothing is learnt from it.
_PRINTED = frozenset({"State"})


@dataclass(frozen=True)
class Masking:
    """Knows what a secret looks like, and the secrets of one container.

    Masked text keeps its names and says `[masked]`; masking it again changes nothing (of more than
    64 KiB it may, where one secret had stood between the name and the value of another). A learnt
    secret is found again as it is, in capitals or small letters (of ASCII), escaped for a URL,
    JSON, a shell or HTML, in hexadecimal, in base64, and a private key by each of its lines. It is
    not found hashed, compressed, in base64 among bytes that are no text, or cut in two. One of
    letters or of digits alone and shorter than twelve is found in its own case, where it stands
    as a word by itself.

    Attributes:
        reveal: globs over the names of variables, labels and arguments that stay readable.
        secrets: values that are masked wherever they stand.
        revealed: those that `reveal` opens, and that `unrevealed` masks all the same.
        more: those that are too many to be kept as they are.
        more_revealed: the same of those revealed.
    """

    reveal: Sequence[str] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    revealed: frozenset[str] = field(default=frozenset(), repr=False)
    more: tuple[Many, ...] = field(default=(), repr=False)
    more_revealed: tuple[Many, ...] = field(default=(), repr=False)
    _known: Known = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reveal", tuple(self.reveal))
        object.__setattr__(self, "_known", Known(self.secrets))

    def learn(self, inspect: Json) -> Masking:
        """A masking that knows the secrets in this inspect document as well.

        They are taken from what a user gave the container, not from what its programs printed.
        """
        given = inspect
        if isinstance(inspect, dict):
            given = {name: value for name, value in inspect.items() if name not in _PRINTED}
        secrets, more = _hidden(given, self.reveal, self)
        revealed, more_revealed = self.revealed, self.more_revealed
        if self.reveal:
            opened, many = _hidden(given, (), self)
            revealed, more_revealed = revealed | (opened - secrets), more_revealed + many
        return Masking(
            self.reveal, self.secrets | secrets, revealed, self.more + more, more_revealed
        )

    def unrevealed(self) -> Masking:
        """The same for readers to whom nothing is revealed."""
        return Masking(secrets=self.secrets | self.revealed, more=self.more + self.more_revealed)

    def value(self, name: str, value: str) -> str:
        """The value of one variable or label: masked whole when the name says it is secret."""
        if self._revealed(name):
            return value
        return self._at_rest(value, lambda at: chain(self._given(name, at), self._spans(at)))

    def text(self, text: str) -> str:
        """Free text: log lines, titles of processes, output of health checks, errors."""
        return self._at_rest(text, self._spans)

    def arguments(self, argv: Sequence[str], *, after: Sequence[str] = ()) -> list[str]:
        """A command line, word by word.

        Args:
            argv: the words.
            after: the words before them, which name the program; they are not returned.
        """
        line = [*after, *argv]
        masked = self._line(line)
        while masked != line and sum(map(len, masked)) <= _LONG:
            line, masked = masked, self._line(masked)
        return masked[len(after) :]

    def assignments(self, entries: Sequence[str]) -> list[str]:
        """Variables as the engine lists them, `NAME=value` or `NAME` alone."""
        return [self._assignment(entry) for entry in entries]

    def inspect(self, document: Json) -> Json:
        """The engine's inspect document of a container or an image, in the same shape."""
        return self._member("", "", document)

    def _member(self, parent: str, key: str, node: Json) -> Json:
        if isinstance(node, str):
            return node if key in _IDENTITY else self.text(node)
        if isinstance(node, list):
            strings = _strings(node)
            if key == "Env" and strings:
                return [*self.assignments(strings)]
            return [self._member(parent, key, entry) for entry in node]
        if not isinstance(node, dict):
            return node
        if key in _MAPPINGS or (parent, key) == ("LogConfig", "Config"):
            return {
                name: self.value(name, value) if isinstance(value, str) else value
                for name, value in node.items()
            }
        return {name: self._child(key, name, value, node) for name, value in node.items()}

    def _child(self, parent: str, key: str, node: Json, siblings: dict[str, Json]) -> Json:
        if key in _ARGUMENTS and (argv := _strings(node)):
            program = siblings.get(_PROGRAM_OF.get(key, ""))
            before = [program] if isinstance(program, str) else _strings(program)
            return [*self.arguments(argv, after=before)]
        return self._member(parent, key, node)

    def _assignment(self, entry: str) -> str:
        name, mark, value = entry.partition("=")
        return name + mark + self.value(name, value) if mark else self.text(entry)

    def _line(self, line: list[str]) -> list[str]:
        found: dict[int, list[tuple[int, int]]] = {}
        for index, start, end in passed(line, self._given):
            found.setdefault(index, []).append((start, end))
        return [self._word(line, index, found.get(index, [])) for index in range(len(line))]

    def _word(self, line: list[str], index: int, found: list[tuple[int, int]]) -> str:
        word = line[index]
        assignment = _ASSIGNMENT.fullmatch(word)
        if assignment and not _is_script(line, index):
            name, value = assignment.groups()
            if self._revealed(name):
                return word
            at = assignment.start(2)
            found += [(at + start, at + end) for start, end in self._given(name, value)]
        found += set_in("", word)
        return self._cut(word, [*found, *self._spans(word)])

    def _revealed(self, name: str) -> bool:
        return any(fnmatchcase(name, glob) for glob in self.reveal)

    def _secret(self, name: str, value: str) -> bool:
        bare = name.removeprefix("-D").lstrip("-")
        if not is_secret(bare, value):
            return False
        return not (self.reveal and (self._revealed(bare) or self._revealed(name)))

    def _given(self, name: str, value: str) -> Iterator[tuple[int, int]]:
        """What is secret of the value of one variable, label or argument, because of its name."""
        if self._secret(name, value):
            yield 0, len(value)
        elif not self._revealed(name):
            yield from set_in(name, value)

    def _spans(self, text: str, depth: int = 0) -> Iterator[tuple[int, int]]:
        if "\x1b" in text:
            text = _COLOUR.sub(lambda match: " " * len(match[0]), text)
        yield from self._again(text)
        lowered = text.lower()
        yield from recognised(text, lowered)
        if plain := unescaped(text):
            meant, places = plain
            for start, end in chain(self._again(meant), recognised(meant, meant.lower())):
                yield places[start], places[end]
        if hints_at_secret(lowered):
            yield from assigned(text, self._secret)
            yield from stated(text, self._secret)
        yield from declared(text, self._secret)
        yield from spoken(text, self._given)
        if depth < _NESTING:
            yield from encoded(text, lambda inner: self._spans(inner, depth + 1))

    def _at_rest(self, text: str, spans: Callable[[str], Iterator[tuple[int, int]]]) -> str:
        """Mask until that changes nothing more."""
        masked = self._cut(text, spans(text))
        while masked != text and len(masked) <= _LONG:
            text, masked = masked, self._cut(masked, spans(masked))
        return masked

    def _again(self, text: str) -> Iterator[tuple[int, int]]:
        yield from self._known.again(text)
        for many in self.more:
            yield from many.again(text)

    def _cut(self, text: str, spans: Iterable[tuple[int, int]]) -> str:
        pieces: list[str] = []
        done = 0
        for start, end in _merged(text, spans):
            pieces += text[done:start], MASK
            done = end
        return "".join(pieces) + text[done:] if pieces else text


@dataclass(frozen=True)
class _Learner(Masking):
    """Masks like any other, and notes what it hides."""

    seen: list[str] = field(default_factory=list)

    def _cut(self, text: str, spans: Iterable[tuple[int, int]]) -> str:
        found = list(spans)
        self.seen.extend(text[start:end] for start, end in found)
        return super()._cut(text, found)


def _hidden(
    document: Json, reveal: Sequence[str], known: Masking
) -> tuple[frozenset[str], tuple[Many, ...]]:
    """What masking a document hides, and is worth knowing again; apart what is too much of it.

    A part of the document at a time: what the whole hides may be as large as that.
    """
    learner = _Learner(reveal, known.secrets, more=known.more)
    room = _KNOWN - sum(map(len, known.secrets))
    found, many = set[str](), Many()
    for portion in portions(document):
        learner.inspect(portion)
        learnt = (each for text in learner.seen if MASK not in text for each in worth_knowing(text))
        for each in learnt:
            if each in MASK or each in found:
                continue
            if len(each) <= room:
                found.add(each)
                room -= len(each)
            else:
                many.add(each)
        learner.seen.clear()
    return frozenset(found), (many,) if many else ()


def _merged(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order and apart. One that touches a mask swallows it, so masking comes to rest."""
    found = [span for span in spans if span[0] < span[1]]
    if not found:
        return found
    merged: list[tuple[int, int]] = []
    for start, end in sorted([*found, *(match.span() for match in _MASK.finditer(text))]):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _is_script(line: Sequence[str], index: int) -> bool:
    """Whether the word is a script for a shell, in which an assignment ends at the next space."""
    if index == 0:
        return False
    if line[index - 1] == "CMD-SHELL":
        return True
    return bool(_SCRIPT_FLAG.fullmatch(line[index - 1])) and any(
        _SHELL.fullmatch(word) for word in line[:index]
    )


def _strings(node: Json) -> list[str]:
    """The strings of a list of strings, else nothing."""
    if not isinstance(node, list):
        return []
    strings = [entry for entry in node if isinstance(entry, str)]
    return strings if len(strings) == len(node) else []


def masked_again(masking: Masking, document: Json, before: Json, masked: Json) -> Json:
    """What `masking.inspect` makes of a document; only what has changed is looked at.

    Args:
        masking: what is a secret.
        document: as it is now.
        before: as it was, unmasked; None where there was none.
        masked: as it was, masked by this very masking.
    """
    if not (isinstance(document, dict) and isinstance(before, dict) and isinstance(masked, dict)):
        return masking.inspect(document)
    # Objects alone: what a list of arguments hides depends on the program beside it.
    same = {
        name: masked[name]
        for name, member in document.items()
        if isinstance(member, dict) and before.get(name) == member
    }
    changed: Json = {name: member for name, member in document.items() if name not in same}
    fresh = masking.inspect(changed)
    known = same | fresh if isinstance(fresh, dict) else same
    return {name: known[name] for name in document}


_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [^-]{0,64}-----")
_BODY = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}|\A\s*\S+\s*\Z")
_LONGEST_KEY = 120
"""Lines: a key of 8192 bits has 100."""


class LineMasking:
    """Hides what is secret in each line, a private key in all the lines over which it runs, and
    what stands alone in a line below `the password is:`.

    Args:
        masking: what is a secret.
    """

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._left = 0
        self._announced = False

    def line(self, text: str) -> str:
        """The next line."""
        begun = _BEGIN.search(text)
        if begun:
            self._left = 0 if _END.search(text, begun.end()) else _LONGEST_KEY
        elif self._left:
            self._left = 0 if _END.search(text) else self._left - 1
            text = _BODY.sub(MASK, text)
        if self._announced and (span := announced(text)):
            text = text[: span[0]] + MASK + text[span[1] :]
        self._announced = announces(text) or (self._announced and not text.strip())
        return self._masking.text(text)
