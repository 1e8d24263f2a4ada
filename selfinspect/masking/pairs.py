"""Names and their values inside a text: assignments, headers, JSON, YAML, XML, query strings."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from selfinspect.masking.names import is_secret_word, words

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
    ( \\{0,3} ["'`]? [ \t]{0,8} (?: :=? | ={1,3}>? ) [ \t]{0,8} | (?:%22)? %3[AaDd] (?:%22)? )
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
_ELEMENT = re.compile(r"<([A-Za-z_][\w.-]{0,127})>([^<]+)</")
# SQL, netrc, redis.conf and its protocol: no mark stands between the name and its value.
_SPOKEN = re.compile(
    r"""
    \b (?: (?: identified \s{1,4} by | password | passphrase | passwd ) \s{1,4} (["']) (.+?) \1
         | (?: login \s{1,4} \S{1,128} \s{1,4} password | requirepass | masterauth ) \s{1,4} (\S+)
         | (?-i: AUTH ) \s{1,4} (\S{0,64}\d\S*)
         | auth \( \s{0,4} ["'][^"']{0,128}["'] \s{0,4} , \s{0,4} ["'] ([^"']+)
         | (?: echo | printf ) \s{1,4} (?: -\w{1,3} \s{1,4} )?
           ["']? ([^|"'\n]{1,200}?) ["']? \s{0,4} \|
           [^|\n]{0,200} (?: password-stdin | chpasswd | passwd | sudo \s{1,4} -S )
    )
    """,
    re.VERBOSE | re.IGNORECASE,
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
    if not ("=" in text or ":" in text or " " in text or "%" in text or "</" in text):
        return
    lowered = text.lower()
    if any(stem in lowered for stem in _STEMS):
        for name, start, end in chain(_marked(text), _named(text)):
            if secret(name, text[start:end]) and not is_reference(text[start:end]):
                yield start, end
        for match in _SPOKEN.finditer(text):
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
    if "</" in text:
        for match in _ELEMENT.finditer(text):
            yield match[1], *match.span(2)


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
