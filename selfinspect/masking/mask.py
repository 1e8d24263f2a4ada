"""Hides secrets in everything that leaves the process: texts, arguments, documents, log lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from selfinspect.exports import MASK
from selfinspect.masking.commands import passed, passed_in_text
from selfinspect.masking.encodings import encoded, unescaped
from selfinspect.masking.learnt import Exact, Fingerprints, portions, worth_finding
from selfinspect.masking.names import is_secret
from selfinspect.masking.texts import announced, announces, named, recognised, set_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from selfinspect.model import Json

_Given = TypeVar("_Given", str, list[str])

_EXACT = 16_384
"""Characters of secrets that are found exactly; a regular expression takes a KiB for each."""

_MASK = re.compile(re.escape(MASK))
# What colours a terminal: a name and its value may have different colours.
_COLOUR = re.compile(r"\x1b\[[\d;]{0,32}m")
# Base64 in base64.
_NESTING = 2
# Characters: a longer text is masked once, as a second pass costs as much again.
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
# What programs printed and the engine measured: masked, but no secrets are learnt from it.
_PRINTED = frozenset({"State"})

_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [^-]{0,64}-----")
_BODY = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}|\A\s*\S+\s*\Z")
_LONGEST_KEY = 120
"""Lines: a key of 8192 bits has 100."""


@dataclass(frozen=True)
class Masking:
    """What secrets look like, and the secrets of one container.

    Masked text keeps its names and says `[masked]`; masking it again changes nothing (of more than
    64 KiB it may, where one secret had stood between the name and the value of another). A learnt
    secret is found again as it is, in capitals or small letters (of ASCII), escaped for a URL,
    JSON, a shell or HTML, in hexadecimal, in base64, and a private key by each of its lines. It is
    not found hashed, compressed, in base64 among bytes that are not text, or cut in two. One of
    letters or of digits alone and shorter than twelve is found in its own case, where it stands
    as a word by itself.

    Attributes:
        reveal: globs over the names of variables, labels and arguments that stay readable.
        secrets: values that are masked wherever they stand.
        revealed: those that `reveal` opens, and that `unrevealed` masks all the same.
        more: those that are too many to be found exactly.
        more_revealed: the same of those revealed.
    """

    reveal: Sequence[str] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    revealed: frozenset[str] = field(default=frozenset(), repr=False)
    more: tuple[Fingerprints, ...] = field(default=(), repr=False)
    more_revealed: tuple[Fingerprints, ...] = field(default=(), repr=False)
    _exact: Exact = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reveal", tuple(self.reveal))
        object.__setattr__(self, "_exact", Exact(self.secrets))

    def learn(self, inspect: Json) -> Masking:
        """A masking that also finds the secrets of this inspect document.

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
        """The same for readers who may see nothing that `--reveal` opens."""
        return Masking(secrets=self.secrets | self.revealed, more=self.more + self.more_revealed)

    def value(self, name: str, value: str) -> str:
        """The value of one variable or label: masked whole if the name says that it is secret."""
        if self._reveals(name):
            return value
        return _settled(
            value, lambda at: self._cut(at, chain(self._given(name, at), self._spans(at)))
        )

    def text(self, text: str) -> str:
        """Free text: log lines, titles of processes, output of health checks, errors."""
        return _settled(text, lambda at: self._cut(at, self._spans(at)))

    def arguments(self, argv: Sequence[str], *, after: Sequence[str] = ()) -> list[str]:
        """A command line, word by word.

        Args:
            argv: the words.
            after: the words before them, which name the program; they are not returned.
        """
        return _settled([*after, *argv], self._line)[len(after) :]

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
        if assignment and not _is_script(line[:index]):
            name, value = assignment.groups()
            if self._reveals(name):
                return word
            at = assignment.start(2)
            found += [(at + start, at + end) for start, end in self._given(name, value)]
        return self._cut(word, chain(found, set_in("", word), self._spans(word)))

    def _reveals(self, name: str) -> bool:
        return any(fnmatchcase(name, glob) for glob in self.reveal)

    def _secret(self, name: str, value: str) -> bool:
        bare = name.removeprefix("-D").lstrip("-")
        return is_secret(bare, value) and not (self._reveals(bare) or self._reveals(name))

    def _given(self, name: str, value: str) -> Iterator[tuple[int, int]]:
        """What is secret of the value of one variable, label or argument, because of its name."""
        if self._secret(name, value):
            yield 0, len(value)
        elif not self._reveals(name):
            yield from set_in(name, value)

    def _spans(self, text: str, depth: int = 0) -> Iterator[tuple[int, int]]:
        """Where secrets stand in a text, whatever it is the value of."""
        if "\x1b" in text:
            text = _COLOUR.sub(lambda match: " " * len(match[0]), text)
        lowered = text.lower()
        yield from self._learnt(text)
        yield from recognised(text, lowered)
        if plain := unescaped(text):
            meant, places = plain
            for start, end in chain(self._learnt(meant), recognised(meant, meant.lower())):
                yield places[start], places[end]
        yield from named(text, lowered, self._secret)
        yield from passed_in_text(text, self._given)
        if depth < _NESTING:
            yield from encoded(text, lambda inner: self._spans(inner, depth + 1))

    def _learnt(self, text: str) -> Iterator[tuple[int, int]]:
        yield from self._exact.found(text)
        for secrets in self.more:
            yield from secrets.found(text)

    def _cut(self, text: str, spans: Iterable[tuple[int, int]]) -> str:
        pieces: list[str] = []
        done = 0
        for start, end in _merged(text, spans):
            pieces += text[done:start], MASK
            done = end
        return "".join(pieces) + text[done:] if pieces else text


@dataclass(frozen=True)
class _Learner(Masking):
    """Masks like any other, and collects what it hides."""

    seen: list[str] = field(default_factory=list)

    def _cut(self, text: str, spans: Iterable[tuple[int, int]]) -> str:
        found = list(spans)
        self.seen.extend(text[start:end] for start, end in found)
        return super()._cut(text, found)


def _hidden(
    document: Json, reveal: Sequence[str], before: Masking
) -> tuple[frozenset[str], tuple[Fingerprints, ...]]:
    """The secrets that masking a document hides and that are worth finding again.

    Those that are too many to be found exactly come as fingerprints. The document is masked a part
    at a time: what is hidden in all of it may be as large as the document.
    """
    learner = _Learner(reveal, before.secrets, more=before.more)
    room = _EXACT - sum(map(len, before.secrets))
    found, more = set[str](), Fingerprints()
    for portion in portions(document):
        learner.inspect(portion)
        texts = (text for text in learner.seen if MASK not in text)
        for secret in chain.from_iterable(map(worth_finding, texts)):
            if secret in MASK or secret in found:
                continue
            if len(secret) <= room:
                found.add(secret)
                room -= len(secret)
            else:
                more.add(secret)
        learner.seen.clear()
    return frozenset(found), (more,) if more else ()


def _settled(given: _Given, mask: Callable[[_Given], _Given]) -> _Given:
    """Mask until that changes nothing more."""
    masked = mask(given)
    while masked != given and _length(masked) <= _LONG:
        given, masked = masked, mask(masked)
    return masked


def _length(given: str | list[str]) -> int:
    return len(given) if isinstance(given, str) else sum(map(len, given))


def _merged(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order and apart. One that touches a mask includes it, so that masking settles."""
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


def _is_script(before: Sequence[str]) -> bool:
    """Whether a word is a script for a shell: an assignment in it ends at the next space."""
    if before[-1:] == ["CMD-SHELL"]:
        return True
    is_flagged = bool(before) and _SCRIPT_FLAG.fullmatch(before[-1]) is not None
    return is_flagged and any(map(_SHELL.fullmatch, before))


def _strings(node: Json) -> list[str]:
    """The strings of a list of strings, else nothing."""
    strings = [entry for entry in node if isinstance(entry, str)] if isinstance(node, list) else []
    return strings if strings == node else []


def masked_again(masking: Masking, document: Json, before: Json, masked: Json) -> Json:
    """What `masking.inspect` returns for a document; only what has changed is masked.

    Args:
        masking: what is a secret.
        document: as it is now.
        before: as it was, unmasked; None if there was none.
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
    both = same | fresh if isinstance(fresh, dict) else same
    return {name: both[name] for name in document}


class LineMasking:
    """Masks a text that comes line by line.

    A private key is hidden in all its lines, and so is what stands alone in the line below `the
    password is:`.

    Args:
        masking: what is a secret.
    """

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._left = 0  # lines that may still be of a key
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
