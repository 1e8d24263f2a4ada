"""A secret seen once, wherever and in whatever dress it comes back."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Shorter values would hide half of every text in which they happen to occur.
_SHORTEST = 6
# Below this length letters alone, or digits alone, may be part of an ordinary word or number.
_SHORTEST_APART = 16
# A line of a private key that is long enough to be known again.
_SHORTEST_LINE = 16

# Behind an escape, a percent-encoded byte or a flag's letter a word begins as well.
_BEGIN = r"(?:(?<![0-9A-Za-z])|(?<=\\[bfnrt])|(?<=%[0-9A-Fa-f]{2})|(?<=-[A-Za-z]))"
_END = r"(?![0-9A-Za-z])"


def worth_knowing(secret: str) -> Iterator[str]:
    """Yield what to look for later: the secret, and the lines of one that has several."""
    secret = secret.strip()
    if len(secret) >= _SHORTEST:
        yield secret
    lines = secret.replace("\\n", "\n").splitlines()
    if len(lines) > 1:
        for line in map(str.strip, lines):
            if len(line) >= _SHORTEST_LINE and not line.startswith("-----"):
                yield line


def known(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """What finds any of these secrets in any of its forms; None when there are none."""
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(_literal, longest_first))) if forms else None


def _forms(secret: str) -> set[str]:
    data = secret.encode("utf-8", "surrogatepass")
    whole = len(data) // 3 * 3
    return {
        secret,
        unquote(secret),
        quote(data, safe=""),
        quote(data),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        b64encode(data).decode().rstrip("="),
        b64encode(data[:whole]).decode(),
        data.hex(),
    }


def _literal(form: str) -> str:
    literal = re.escape(form)
    if len(form) < _SHORTEST_APART and form.isascii() and (form.isalpha() or form.isdigit()):
        return _BEGIN + literal + _END
    return literal
