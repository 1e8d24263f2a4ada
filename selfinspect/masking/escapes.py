"""Text without its escapes, and where each of its characters stood."""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# One character each: bytes of UTF-8 as a URL or Python's repr writes them, JSON's `\u00e4`, what
# stands behind backslashes, HTML's, a form's space; escaped once or again and again.
_ESCAPE = re.compile(
    r"""
    (?P<bytes>
        (?: % (?:25)* | \\++ x ) (?:
            [0-7][0-9a-f] | [c-f][0-9a-f] (?: (?: % (?:25)* | \\++ x ) [89ab][0-9a-f] ){1,3} ) )
    | \\++ (?P<unicode> u (?: d[89ab][0-9a-f]{2} \\++ u d[c-f][0-9a-f]{2} | [0-9a-f]{4} ) )
    | (?P<behind> \\++ (?: . | \Z ) )
    | & (?: amp; )* (?P<entity> amp | lt | gt | quot | apos | \#\d{1,6} | \#x[0-9a-f]{1,4} ) ;
    | (?P<form> \+ )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_BYTE = re.compile(r"[0-9a-f]{2}(?=%|\\|\Z)", re.IGNORECASE)
_UNIT = re.compile(r"[0-9a-f]{4}", re.IGNORECASE)
_CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def unescaped(text: str) -> tuple[str, Sequence[int]] | None:
    """The text with what its escapes mean, and where in it each character began.

    One place more is the text's end. None where nothing is escaped.
    """
    if not any(mark in text for mark in "%\\&"):
        return (text.replace("+", " "), range(len(text) + 1)) if "+" in text else None
    pieces: list[str] = []
    places = array("I")
    done = 0
    for match in _ESCAPE.finditer(text):
        start, end = match.span()
        pieces += text[done:start], _meant(match)
        places.extend(range(done, start + 1))
        done = end
    if not pieces:
        return None
    places.extend(range(done, len(text) + 1))
    return "".join(pieces) + text[done:], places


def _meant(escape: re.Match[str]) -> str:
    """The one character for which an escape stands."""
    kind = escape.lastgroup
    code = escape[kind or 0]
    if kind == "bytes":
        return bytes.fromhex("".join(_BYTE.findall(code))).decode("utf-8", "replace")[0]
    if kind == "unicode":
        return bytes.fromhex("".join(_UNIT.findall(code))).decode("utf-16-be", "surrogatepass")
    if kind == "entity":
        base = 16 if code[1] in "xX" else 10
        return chr(int(code.lstrip("#xX"), base)) if code[0] == "#" else _NAMED[code.lower()]
    last = code[-1]
    return " " if kind == "form" else _CONTROL.get(last, last)
