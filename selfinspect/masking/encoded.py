"""Secrets inside base64: a kubeconfig, a registry's credentials, `user:password`."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
    """The text of a run of base64; None where it is no base64, or not of text."""
    whole = run[: len(run) // 4 * 4] if len(run) % 4 == 1 else run + "=" * (-len(run) % 4)
    try:
        text = urlsafe_b64decode(whole.translate(_URL_SAFE)).decode()
    except ValueError:
        return None
    return None if "\0" in text else text
