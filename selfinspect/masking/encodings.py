"""What encoded text means, and where each piece of it stands: escapes and base64.

Secrets stand in base64 in a kubeconfig, a registry's credentials, `user:password`.
"""

from __future__ import annotations

import re
from array import array
from base64 import urlsafe_b64decode
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_RUN = re.compile(r"[A-Za-z0-9+/_-]{12,}+={0,2}")
# `user:password`, RFC 7617; what begins with a scheme is a URL.
_CREDENTIALS = re.compile(r"[A-Za-z][\w.@+-]{0,63}:(?!//)[!-~]{4,256}")
# A line that none of the decoded has, so that none goes on in the next.
_BETWEEN = "\n\0\n"
_URL_SAFE = str.maketrans("+/", "-_")


def encoded(
    text: str, secrets_in: Callable[[str], Iterable[tuple[int, int]]]
) -> Iterator[tuple[int, int]]:
    """Yield where base64 stands (RFC 4648, either alphabet) that is text, and a secret in it.

    All that a text holds is looked through at once: a look costs much more than a short run. What
    reaches over several runs, a private key without an end, hides each of them.

    Args:
        text: whatever it stands in.
        secrets_in: yields where secrets stand in the decoded text.
    """
    runs: list[tuple[int, int]] = []
    pieces: list[str] = []
    ends: list[int] = []
    end = 0
    for run in _RUN.finditer(text):
        decoded = _decoded(run[0].rstrip("="))
        if decoded is None:
            continue
        if _CREDENTIALS.fullmatch(decoded):
            yield run.span()
            continue
        runs.append(run.span())
        pieces.append(decoded)
        ends.append(end := end + len(decoded) + len(_BETWEEN))
    if not runs:
        return
    for first, last in secrets_in(_BETWEEN.join(pieces)):
        yield from runs[bisect_right(ends, first) : bisect_right(ends, last - 1) + 1]


def _decoded(run: str) -> str | None:
    """The text that a run of base64 encodes; None if it is not base64, or not of text."""
    whole = run[: len(run) // 4 * 4] if len(run) % 4 == 1 else run + "=" * (-len(run) % 4)
    try:
        text = urlsafe_b64decode(whole.translate(_URL_SAFE)).decode()
    except ValueError:
        return None
    return None if "\0" in text else text


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
