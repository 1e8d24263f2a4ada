"""Names and their values inside a text: assignments, headers, JSON, YAML, XML, query strings."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from selfinspect.masking.names import is_plain, is_secret_word, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Judge: TypeAlias = "Callable[[str, str], bool]"

# A text without any of these names no secret: most do not, and are passed over quickly.
_STEMS = """
    pass pwd pw psw secret token key auth cred dsn cookie sess sid private salt sig jwt psk otp pin
    pat bearer hmac pepper csrf xsrf sas phrase mnemonic identified
""".split()  # noqa: SIM905

_NAME = re.compile(
    r"""
    (?: (?<! [\w.-] ) | (?<= %22 ) | (?<= %26 ) | (?<= %3F ) )
    ( -{0,2} [A-Za-z_] [\w.-]*+ (?> (?: \[ [\w.-]{0,64} \] )* ) )
    ( \\{0,3} ["'`]? \]? [ \t]*+ (?: :=? | ={1,3}>? ) [ \t]*+ (?: string\(\d{1,9}\)[ ] )?
    | (?:%22)? %3[AaDd] (?:%22)? )
    """,
    re.VERBOSE,
)
_VALUE = re.compile(
    r"""
      (?P<quote> ["'`] ) (?P<quoted> (?> (?: \\. | (?! (?P=quote) ) . )* ) ) (?P=quote)
    | (?P<escape> \\{1,3} ["'] ) (?P<escaped> .*? ) (?P=escape)
    | (?P<flat> \[ [^\[\]]*+ \] | \{ [^{}]*+ \} )
    | ["'`]? (?P<bare>
        (?> (?: [^\s"'&;,] | [&;,] (?! \s | \Z | ["']? [\w.-]{1,64} ["']? \s? [=:] ) )+ ) )
    """,
    re.VERBOSE | re.DOTALL,
)
# Of these headers more than one word is the value.
_COOKIES = re.compile(r"[^\r\n\"']+")
_AUTHORIZATION = re.compile(r"(?:[A-Za-z][\w-]{1,31}[ \t]{1,4})?(?P<bare>[^\s\"',;]+)")
_HEADERS = {"cookie": _COOKIES, "cookies": _COOKIES, "authorization": _AUTHORIZATION}
_TAG = re.compile(r"/|v?\d+(?:\.\d+)*(?![\w+=])|(?:latest|stable|edge|main|master|service_\w+)\b")
# What a shell or a template puts in only later.
_REFERENCE = re.compile(
    r"\${1,2}(?:[A-Z_][A-Z0-9_]{2,}|\{[A-Za-z_]\w*\}|\(cat\b.*|\(<.*)?|\{\{.*", re.DOTALL
)

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
# SQL, netrc, redis.conf and its protocol: no mark stands between the name and its value.
_SPOKEN = re.compile(
    r"""
    \b (?: (?: identified (?: \s{1,4} with \s{1,4} \w{1,64} )? \s{1,4} (?: by | as )
             | password | passphrase | passwd ) (?: \s{0,4} \( \s{0,4} | \s{1,4} ) (["']) (.+?) \1
         | login (?:\s|\\n){1,4} [^\s\\]{1,128} (?:\s|\\n){1,4} password \s{1,4} ([^\s\\]+)
         | (?: requirepass | masterauth ) \s{1,4} (\S+)
         | setcookie \s{1,4} (\S+) | default_pass \s{1,4} <<["']* ([^"'>]+)
         | (?-i: AUTH ) \s{1,4} (\S{0,64}\d\S* | (?!LOGIN|PLAIN|CRAM|XOAUTH) \S{6,64}? (?= \\r ) )
         | auth \( \s{0,4} ["'][^"']{0,128}["'] \s{0,4} , \s{0,4} ["'] ([^"']+)
         | password-stdin \s{0,4} <<< \s{0,4} ["']? ([^\s"']+)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MARKS = ("=", ":", " ", "%", "</", "&lt;/")
# What is written into a program that reads a password, or into a file that is named for one.
_WRITTEN = re.compile(
    r"""
    \b (?: echo | printf ) \s{1,4} (?: -\w{1,3} \s{1,4} )? (?: ["']%s(?:\\n)?["'] \s{1,4} )?
    ["']? ([^|"'\n>]{1,200}?) ["']? \s{0,4}
    (?: \| [^|\n]{0,200}?
            (?: cryptsetup | kinit | passphrase-fd | password-stdin | passwd | sudo [ ] -\w{0,4}S )
      | >{1,2} \s{0,4} [^\s;|&]{0,200}
            (?: /secrets?/ [^\s;|&]
              | (?: passw\w{0,8} | token | secret | \.pgpass | \.netrc ) (?! [\w.-] ) )
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# sed's `s/PLACEHOLDER/value/`.
_SUBSTITUTED = re.compile(r"\bs([/|,#@])((?:(?!\1)[^\n]){1,80})\1((?:(?!\1)[^\s=\"']){1,200})\1")
# What a person is told: `the password is …`, `Unseal Key 1: …`.
_TOLD = re.compile(
    r"""
    \b (?: pass(?:word|phrase|code) | secret | token
         | (?: access | api | encryption | private | recovery | secret | unseal ) [ -] key )
    (?: [ ] \d{1,2} )? (?: [ ] (?: is | was | set[ ]to | changed[ ]to ) )? (?: [:=] [ ]? | [ ] )
    ["'`]? ([^\s"'`/:,;()\[\]{}]{6,256})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PLACE_HOLDER = re.compile(r"[A-Za-z_][\w.-]{1,80}")
# A line that a line with nothing but a secret follows.
_ANNOUNCES = re.compile(
    r"(?:passw|passphrase|secret|token|\bkey\b)[^\n]{0,160}:(?:[ \t]{0,8}[|>]-?)?\Z", re.IGNORECASE
)
_ANNOUNCED = re.compile(
    r"\s*+(?!\S{0,64}://|/)(?!(?:[A-Z]?[a-z-]+|[A-Z_-]+)[:.,]?\s)([^\s=\[]\S{7,255})\s*"
)


def is_reference(value: str) -> bool:
    """Whether the value is a place-holder that a shell or a template fills in later."""
    return _REFERENCE.fullmatch(value) is not None


def assigned(text: str, secret: Judge) -> Iterator[tuple[int, int]]:
    """Yield where the value of a secret name stands.

    Args:
        text: whatever a program printed, a script, a connection string, a document.
        secret: says whether the value of a name is one.
    """
    if not any(mark in text for mark in _MARKS):
        return
    lowered = text.lower()
    if any(stem in lowered for stem in _STEMS):
        for name, start, end in chain(_marked(text), _named(text)):
            if secret(name, text[start:end]) and not is_reference(text[start:end]):
                yield start, end
        for match in _TOLD.finditer(text):
            if not is_plain(match[1].rstrip(".!")):
                yield match.span(1)
        yield from _literal(text, _SPOKEN)
        yield from _below(text)
    if "echo " in text or "printf " in text:
        yield from _literal(text, _WRITTEN)


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


def _literal(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where a pattern's group stands, unless that is filled in later."""
    for match in pattern.finditer(text):
        start, end = match.span(match.lastindex or 0)
        if not is_reference(text[start:end]):
            yield start, end


def _marked(text: str) -> Iterator[tuple[str, int, int]]:
    at = 0
    while match := _NAME.search(text, at):
        name, mark = match.groups()
        at = match.end()
        parts = words(name.removeprefix("-D"))
        if any(map(is_secret_word, parts)):
            value = _value(text, at, mark, parts[-1], text[match.start() - 1 : match.start()])
            if value:
                yield name, *value
                at = value[1]


def _named(text: str) -> Iterator[tuple[str, int, int]]:
    for match in _NAMED.finditer(text):
        if value := _VALUE.match(text, match.end()):
            yield match[1], *value.span(value.lastgroup or 0)
    for match in _DEFINED.finditer(text) if "define(" in text else ():
        if value := _VALUE.match(text, match.end()):
            yield match[1], *value.span(value.lastgroup or 0)
    if "</" in text or "&lt;/" in text:
        for match in _ELEMENT.finditer(text):
            yield match[1], *match.span(2)
    if "sed " in text:
        for match in _SUBSTITUTED.finditer(text):
            for name in _PLACE_HOLDER.findall(match[2]):
                yield name, *match.span(3)


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
    is_header = mark[0] in ": \t" and ":" in mark
    match = (_HEADERS.get(last, _VALUE) if is_header else _VALUE).match(text, at)
    if match is None:
        return None
    start, end = match.span(match.lastgroup or 0)
    if match.lastgroup == "bare" and not text.startswith(("[", "${"), start):
        end = start + len(text[start:end].rstrip(")]}>.,;"))
    return (start, end) if start < end else None


def _is_address(text: str, at: int, last: str, before: str) -> bool:
    """Whether a colon without a space parts a host from its port, an image from its tag."""
    if text.startswith(('"', "'", "\\"), at):
        return False
    return before in {"/", "@", ":"} or not is_secret_word(last) or bool(_TAG.match(text, at))
