"""Where secrets stand in a text: what a rule recognises, values of secret names, sentences.

Names and their values stand in assignments, headers, JSON, YAML, XML, query strings and the
instructions of image layers. Sentences say `the password is …`, or announce one for the next line.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from selfinspect.masking.names import (
    hints_at_secret,
    is_datum,
    is_plain,
    is_prose,
    is_reference,
    is_secret_word,
    names_secret,
    words,
)
from selfinspect.masking.rules import taken
from selfinspect.masking.rules.phrases import PHRASES
from selfinspect.masking.rules.settings import (
    ACCOUNTS,
    ISSUED,
    REMARK_BEGINS,
    REMARK_WORDS,
    SETTINGS,
)
from selfinspect.masking.rules.tokens import ADDRESSES, DASHED, FORMATS, MARKED, TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from selfinspect.masking.rules import Rule

    Judge: TypeAlias = "Callable[[str, str], bool]"

# Rules, and what a text must have for any of them: a test that is cheaper than all their hints.
TEXTS = (
    (r"[:=]", ADDRESSES),
    (r"", FORMATS),
    (r"[\s(]", PHRASES),
    (r"_[\w+/=.-]{10}", MARKED),
    (r"-[\w-]{10}", DASHED),
    (r"(?<![\w.~+-])[\w.~+-]{12}", TOKENS),
)
IN_SETTINGS = ((r"[_-][A-Za-z0-9]{24}", ISSUED), (r"[:;|@]", ACCOUNTS), (r"", SETTINGS))
# One hint after another in a flat loop: most texts have none, and are passed over quickly.
_Hinted: TypeAlias = "tuple[tuple[Callable[[str], object], tuple[tuple[str, Rule], ...]], ...]"


def _hinted(groups: Iterable[tuple[str, Iterable[Rule]]]) -> _Hinted:
    return tuple(
        (re.compile(needs).search, tuple((hint, rule) for rule in rules for hint in rule.hint))
        for needs, rules in groups
    )


_TEXTS = _hinted(TEXTS)
_SETTINGS = _hinted(IN_SETTINGS)

_NAME = re.compile(
    r"""
    (?: (?<! [\w.-] ) | (?<= %22 ) | (?<= %26 ) | (?<= %3F ) )
    ( -{0,2} [A-Za-z_\u00c0-\u1fff\u3040-\ud7ff] [\w.-]*+ (?> (?: \[ [\w.-]{0,64} \] )* ) )
    ( \\{0,3} ["'`]? \]? [ \t]*+ (?: :=? | \uff1a | ={1,3}>? | -> ) [ \t]*+
        (?: string\(\d{1,9}\)[ ] )?
    | (?:%22)? %3[AaDd] (?:%22)? | \\{1,3} u003[AaDd] )
    """,
    re.VERBOSE,
)
_VALUE = re.compile(
    r"""
      (?P<triple> ["]{3} | '{3} ) (?P<tripled> .+? ) (?P=triple)
    | (?: [BbEeNnRrUu]{1,2} (?= ["'] ) )?
        (?P<quote> ["'`] ) (?P<quoted> (?> (?: \\. | (?! (?P=quote) ) . )* ) ) (?P=quote)
    | (?P<escape> \\{1,3} ["'] ) (?P<escaped> .*? ) (?P=escape)
    | (?P<flat> \[ [^\[\]]*+ \] | \{ [^{}]*+ \} | \$\( [^()\n]*+ \) )
    | [|>] [+-]? \n (?P<block> (?P<indent> [ \t]+ ) [^\n]* (?: \n (?P=indent) [^\n]* )* )
    | \n [ \t]* -[ ] (?P<list> [^\n:]+ (?: \n [ \t]* -[ ] [^\n:]+ )* ) (?= \n | \Z )
    | ["'`]? (?P<bare>
        (?> (?: [^\s"'&;,] | [&;,] (?! \s | \Z | ["']? [\w.-]{1,64} ["']? \s? [=:] ) )+ ) )
    """,
    re.VERBOSE | re.DOTALL,
)
# Of these headers more than one word is the value.
_COOKIES = re.compile(r"[^\r\n\"']+")
_AUTHORIZATION = re.compile(
    r"""
    [A-Za-z][\w-]{1,31} [ \t]{1,4}
        (?P<parameters> [\w-]{1,32} = (?> (?: [^\s"'\\,] | \\?"[^"\n]*+" | ,[ \t]? )* ) )
    | (?: [A-Za-z][\w-]{1,31} [ \t]{1,4} )? (?P<bare> \$\( [^()\n]*+ \) | [^\s"',;]+ )
    """,
    re.VERBOSE,
)
_HEADERS = {"cookie": _COOKIES, "cookies": _COOKIES, "authorization": _AUTHORIZATION}
_TAG = re.compile(r"/|v?\d+(?:\.\d+)*(?![\w+=])|(?:latest|stable|edge|main|master|service_\w+)\b")
# {"name": "DB_PASSWORD", "value": "x"} and <add key="DbPassword" value="x"/>
_NAMED = re.compile(
    r"\b(?:name|key)[\"'\\\s:=]{1,8}([A-Za-z_][\w.-]{1,127})[\"'\\\s,;]{1,12}"
    r"value[\"'\\\s]{0,6}[:=]\s{0,4}",
    re.IGNORECASE,
)
_ELEMENT = re.compile(
    r"(?:<|&lt;)(?:\w{1,64}:)?([A-Za-z_][\w.-]{0,127})(?:\s[^<>]{0,512})?(?:>|&gt;)"
    r"(?:<!\[CDATA\[)?([^<>\]&]{1,4096})"
)
_DEFINED = re.compile(r"define\(\s{0,4}[\"']([A-Za-z_]\w{0,127})[\"']\s{0,4},\s{0,4}")
_INSERTED = re.compile(
    r"\binsert\s{1,4}into\s{1,4}[\w.\"`\[\]]{1,128}\s{0,4}\(([^()]{1,1024})\)\s{0,4}values\s{0,4}\(",
    re.IGNORECASE,
)
_COLUMN = re.compile(r"'((?:[^']|''){0,1024})'|\"([^\"]{0,1024})\"|([^\s,()'\"][^,()'\"]{0,255})")
# sed's `s/PLACEHOLDER/value/`.
_SUBSTITUTED = re.compile(r"\bs([/|,#@])((?:(?!\1)[^\n]){1,80})\1((?:(?!\1)[^\s=\"']){1,200})\1")
# What a parser complains of, `unexpected token: '}'`.
_COMPLAINS = re.compile(
    r"\b(?:bad|illegal|invalid|malformed|missing|unexpected|unknown)\s\Z", re.IGNORECASE
)
# What a subsystem's log line begins with, `auth: backend ldap ready`.
_TALK = re.compile(r"[a-z]{2,24} [a-z]{2,24}(?![\w=:])")
# A whole sentence about what was named, `password: too short`, `session: opened for user bob`.
_SENTENCE_BEHIND = re.compile(
    r"([a-z]{2,12}(?:[ \t][\w@.-]{1,64}+){1,15}+)"
    r"(?=[,;!:)\]}\"'`]{0,4}(?:[\r\n]|\Z)|[,;!:)][ \t]|[ \t]{1,4}(?:\(|[\r\n]|\Z))"
)
_WHOSE = re.compile(r"[ \t](?:by|for|of)[ \t](?:account|user)[ \t]\S+")
_COUNT = re.compile(r"\d{1,3}")
_REMARK_BEGINS = frozenset(REMARK_BEGINS.split())
_REMARK_WORDS = frozenset(REMARK_WORDS.split()) | _REMARK_BEGINS
# What a runner says of a test.
_TESTED = re.compile(r"test[\w.:/-]*|[\w./-]+[._](?:test|spec)\w*[.\w]*", re.IGNORECASE)
_PLACE_HOLDER = re.compile(r"[A-Za-z_][\w.-]{1,80}")


# What a person reads: `the password is …`, `Unseal Key 1: …`.
_SENTENCE = re.compile(
    r"""
    (?: \b | _ )
    (?: (?P<pass> pass(?:word|phrase|code) ) | secret | token
      | (?: access | api | encryption | private | recovery | secret | unseal ) [ -] key )
    (?: [ ] \d{1,2} )? (?P<is> [ ] (?: is | was | set[ ]to | changed[ ]to ) )?
    (?: (?: [ ] generated )? [ ] for [ ] (?! (?: account | host | user ) : )
        [^\s:]{1,128} (?= : ) )?
    (?: (?P<colon> [:=] ) [ ]? | \s )
    ["'`]? (?P<value> [^\s"'`:,;()\[\]{}]{6,256} )
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
# `ENV A=b C=d`, or `#(nop)  ENV …`; build arguments stand in `|2 A=b C=d /bin/sh -c …`.
_INSTRUCTION = re.compile(
    r"(?:\A|#\(nop\) {1,4})(?:ENV|ARG|LABEL) (.+)|(?:\A|\ARUN )\|\d{1,3} (.+?) /bin/\w{0,8}sh -",
    re.DOTALL,
)
# A Dockerfile's older form.
_ENV_LINE = re.compile(
    r"^[ \t]{0,16}ENV[ \t]{1,4}([A-Za-z_]\w{0,127})[ \t]{1,4}(?![^\s=]{0,128}=)"
    r"([^\s\\][^\r\n]*)",
    re.MULTILINE,
)
_PAIR = re.compile(r"([A-Za-z_][\w./-]{0,255})=(.*?)(?=\s[A-Za-z_][\w./-]{0,255}=|\Z)", re.DOTALL)


def recognised(text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Yield where a rule recognises a secret, in a text and that text in small letters."""
    yield from _found(text, lowered, _TEXTS)


def set_in(name: str, value: str) -> Iterator[tuple[int, int]]:
    """Yield where in the value of one variable, label or argument a secret stands.

    The name and the form of the value say so together, as in `SFTP_USERS=bob:hunter2x`.
    """
    setting = f"{name}={value}"
    for start, end in _found(setting, setting.lower(), _SETTINGS):
        if start > len(name):
            yield start - len(name) - 1, end - len(name) - 1


def _found(text: str, lowered: str, groups: _Hinted) -> Iterator[tuple[int, int]]:
    for needed, rules in groups:
        if not needed(text):
            continue
        for rule in {rule.name: rule for hint, rule in rules if hint in lowered}.values():
            for match in re.finditer(rule.pattern, text):
                for start, end in taken(match):
                    if not is_reference(text[start:end]):
                        yield start, end


def named(text: str, lowered: str, secret: Judge) -> Iterator[tuple[int, int]]:
    """Yield where a value stands that is secret because of what names it, or introduces it.

    Args:
        text: whatever a program printed, a script, a connection string, a document.
        lowered: the text in small letters.
        secret: says whether the value of a name is one.
    """
    if hints_at_secret(lowered):
        yield from _assigned(text, secret)
        yield from _stated(text, secret)
        yield from _below(text)
    yield from _declared(text, secret)


def _assigned(text: str, secret: Judge) -> Iterator[tuple[int, int]]:
    """Where the values of secret names stand."""
    for name, start, end in chain(_marked(text), _paired(text), _inserted(text)):
        if secret(name, text[start:end]) and not is_reference(text[start:end]):
            yield start, end


def _marked(text: str) -> Iterator[tuple[str, int, int]]:
    at = 0
    while match := _NAME.search(text, at):
        name, mark = match.groups()
        at = match.end()
        bare = name.removeprefix("-D")
        if not names_secret(bare):
            continue
        value = _value(text, at, mark, words(bare)[-1], text[match.start() - 1 : match.start()])
        lone = bare.lower()
        if value and not (
            (lone == "key" and _is_data(text, match.start(), value))
            or (lone == "token" and _is_complaint(text, match.start(), value))
            or (lone in {"auth", "authentication"} and _TALK.match(text, at))
            or (mark == ": " and _is_remark(text, at))
            or (name == "PASS" and _TESTED.fullmatch(text, *value))
        ):
            yield name, *value
            at = value[1]


def _paired(text: str) -> Iterator[tuple[str, int, int]]:
    for pattern in (_NAMED, _DEFINED):
        for match in pattern.finditer(text):
            if value := _VALUE.match(text, match.end()):
                yield match[1], *value.span(value.lastgroup or 0)
    if "</" in text or "&lt;/" in text:
        for match in _ELEMENT.finditer(text):
            yield match[1], *match.span(2)
    if "sed " in text:
        for match in _SUBSTITUTED.finditer(text):
            for name in _PLACE_HOLDER.findall(match[2]):
                yield name, *match.span(3)


def _inserted(text: str) -> Iterator[tuple[str, int, int]]:
    """The columns of SQL's `INSERT`, with their values in the first row."""
    for match in _INSERTED.finditer(text):
        names = [name.strip('"`[] \n') for name in match[1].split(",")]
        for name, value in zip(names, _COLUMN.finditer(text, match.end()), strict=False):
            yield name, *value.span(value.lastindex or 0)


def _value(text: str, at: int, mark: str, last: str, before: str) -> tuple[int, int] | None:
    """Where the value behind a name and its mark stands, if it is one.

    Args:
        text: all of it.
        at: where the mark ends.
        mark: what stands between the name and its value.
        last: the last word of the name.
        before: what stands before the name.
    """
    if mark == ":" and _is_address(text, at, last, before):
        return None
    is_header = last == "authorization" or (mark[0] in ": \t" and ":" in mark)
    header = _HEADERS.get(last) if is_header else None
    match = (header and header.match(text, at)) or _VALUE.match(text, at)
    if match is None:
        return None
    start, end = match.span(match.lastgroup or 0)
    if match.lastgroup == "list" and is_plain(match["list"].replace("\n", " ")):
        return None
    if match.lastgroup == "bare" and not text.startswith(("[", "${"), start):
        end = start + len(text[start:end].rstrip(")]}>.,;"))
    return (start, end) if start < end else None


def _is_complaint(text: str, at: int, value: tuple[int, int]) -> bool:
    """Whether the word before a name says that something is wrong with what it names."""
    wrong = _COMPLAINS.search(text, max(0, at - 12), at)
    return wrong is not None and not any(map(str.isdigit, text[slice(*value)]))


def _is_remark(text: str, at: int) -> bool:
    """Whether what stands here, to its end, is a sentence of words that no secret is made of."""
    sentence = _SENTENCE_BEHIND.match(text, at)
    if sentence is None:
        return False
    first, *others = _WHOSE.sub("", sentence[1]).rstrip(".").split()
    return first in _REMARK_BEGINS and all(
        word in _REMARK_WORDS or _COUNT.fullmatch(word) for word in others
    )


def _is_data(text: str, at: int, value: tuple[int, int]) -> bool:
    """Whether the word before `key` leaves open what key it is, and the value looks like data."""
    given = text[slice(*value)]
    if not is_datum(given):
        return False
    before = text[max(0, at - 25) : at]
    word = before[:-1].rpartition(" ")[2] if before.endswith(" ") else ""
    return not is_secret_word(word.lower() + "key") if word.isalpha() else ":" in given


def _is_address(text: str, at: int, last: str, before: str) -> bool:
    """Whether a colon without a space parts a host from its port, an image from its tag."""
    if text.startswith(('"', "'", "\\"), at):
        return False
    return before in {"/", "@", ":"} or not is_secret_word(last) or bool(_TAG.match(text, at))


def _stated(text: str, secret: Judge) -> Iterator[tuple[int, int]]:
    """Where secrets stand behind the words that introduce them.

    What follows may also be the next word of a sentence about a secret.
    """
    for match in _SENTENCE.finditer(text):
        value = match["value"].rstrip(".!")
        is_word = is_prose if match["pass"] or match["is"] else is_plain
        is_given = secret("password", value) if match["colon"] else not is_word(value)
        is_complaint = not match["pass"] and _is_complaint(text, match.start(), match.span("value"))
        if is_given and not (is_complaint or is_reference(value)):
            yield match.span("value")


def announces(line: str) -> bool:
    """Whether a line says that the next one is a secret."""
    line = line.rstrip()
    return line.endswith((":", "|", ">", "-")) and _ANNOUNCES.search(line) is not None


def announced(line: str) -> tuple[int, int] | None:
    """Where the one word of a line stands that looks like what was announced."""
    match = _ANNOUNCED.fullmatch(line + "\n")
    return match.span(1) if match else None


def _below(text: str) -> Iterator[tuple[int, int]]:
    """Where secrets stand below the line that announces them."""
    at, waiting = 0, False
    for line in text.splitlines(keepends=True) if "\n" in text else ():
        if waiting and (span := announced(line)):
            yield at + span[0], at + span[1]
        waiting = announces(line) or (waiting and not line.strip())
        at += len(line)


def _declared(text: str, secret: Judge) -> Iterator[tuple[int, int]]:
    """Where the values of secret names stand in the instruction that made a layer."""
    if "ENV " in text:
        for line in _ENV_LINE.finditer(text):
            if secret(line[1], line[2]):
                yield line.span(2)
    if not (text.startswith(("ENV ", "ARG ", "LABEL ", "|", "RUN |")) or "#(nop)" in text):
        return
    for instruction in _INSTRUCTION.finditer(text):
        for pair in _PAIR.finditer(text, *instruction.span(instruction.lastindex or 0)):
            if secret(pair[1], pair[2]):
                yield pair.span(2)
