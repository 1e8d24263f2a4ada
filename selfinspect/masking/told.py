"""Secrets that are told without a mark: in sentences, in SQL, in what is piped to a program."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selfinspect.masking.names import is_plain, is_prose, is_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.masking.names import Judge

# SQL, netrc, redis.conf and its protocol.
_SPOKEN = re.compile(
    r"""
    \b (?: (?: identified (?: \s{1,4} with \s{1,4} \w{1,64} )? \s{1,4} (?: by | as )
             | password (?: \s{1,4} for \s{1,4} \S{1,128} \s{1,4} = )? | passphrase | passwd )
           (?: \s{0,4} \( \s{0,4} | \s{1,4} ) (["']) (.+?) \1
         | login (?:\s|\\n){1,4} [^\s\\]{1,128} (?:\s|\\n){1,4} password \s{1,4} ([^\s\\]+)
         | (?: requirepass | masterauth ) \s{1,4} (\S+)
         | setcookie \s{1,4} (\S+) | default_pass \s{1,4} <<["']* ([^"'>]+)
         | (?-i: AUTH ) \s{1,4} (\S{0,64}\d\S* | (?!LOGIN|PLAIN|CRAM|XOAUTH) \S{6,64}? (?= \\r ) )
         | auth \( \s{0,4} ["'][^"']{0,128}["'] \s{0,4} , \s{0,4} ["'] ([^"']+)
         | auth" \s{1,4} (?: "\w{1,64}" \s{1,4} )? " ([^"]+)
         | chpasswd [^\n<]{0,80} << (?: < | -? \s{0,4} ["']?\w{1,32}["']? \s{0,4} \n ) \s{0,4}
           ["']? [^:\s"']{1,64} : ([^\s"']+)
         | password-stdin \s{0,4} <<< \s{0,4} ["']? ([^\s"']+)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What is written into a program that reads a password, or into a file that is named for one.
_WRITTEN = re.compile(
    r"""
    \b (?: echo | printf ) \s{1,4} (?: -\w{1,3} \s{1,4} )? (?: ["']%s(?:\\n)?["'] \s{1,4} )?
    ["']? ([^|"'\n>]{1,200}?) ["']? \s{0,4}
    (?: \| [^|\n]{0,200}?
            (?: cryptsetup | kinit | passphrase-fd | password-stdin | passwd | sudo [ ] -\w{0,4}S )
      | (?: >{1,2} | \| \s{0,4} tee (?: \s{1,4} -a )? ) \s{0,4} [^\s;|&]{0,200}
            (?: /secrets?/ [^\s;|&]
              | (?: passw\w{0,8} | token | secret | \.pgpass | \.netrc ) (?: \.txt )? (?! [\w.-] ) )
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What a person is told: `the password is …`, `Unseal Key 1: …`.
_TOLD = re.compile(
    r"""
    (?: \b | _ )
    (?: (?P<pass> pass(?:word|phrase|code) ) | secret | token
      | (?: access | api | encryption | private | recovery | secret | unseal ) [ -] key )
    (?: [ ] \d{1,2} )? (?P<is> [ ] (?: is | was | set[ ]to | changed[ ]to ) )?
    (?: (?: [ ] generated )? [ ] for [ ] [^\s:]{1,128} (?= : ) )? (?: (?P<colon> [:=] ) [ ]? | \s )
    ["'`]? (?P<told> [^\s"'`/:,;()\[\]{}]{6,256} )
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
    yield from _literal(text, _SPOKEN)
    if "echo " in text or "printf " in text:
        yield from _literal(text, _WRITTEN)
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
    if match["colon"]:
        return secret("password", value) and not is_reference(value)
    return not (is_prose(value) if match["pass"] or match["is"] else is_plain(value))


def _literal(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where a pattern's group stands, unless that is filled in later."""
    for match in pattern.finditer(text):
        start, end = match.span(match.lastindex or 0)
        if not is_reference(text[start:end]):
            yield start, end
