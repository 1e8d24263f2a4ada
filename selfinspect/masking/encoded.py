"""Secrets inside base64: a kubeconfig, a registry's credentials, `user:password`."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_RUN = re.compile(r"[A-Za-z0-9+/_-]{12,}+={0,2}")
# `user:password`, RFC 7617; what begins with a scheme is a URL.
_CREDENTIALS = re.compile(r"[A-Za-z][\w.@+-]{0,63}:(?!//)[!-~]{4,256}")
_URL_SAFE = str.maketrans("+/", "-_")


def encoded(text: str, holds_secret: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Yield where base64 stands (RFC 4648, either alphabet) that is text, and a secret in it.

    Args:
        text: whatever it stands in.
        holds_secret: says whether a decoded text does.
    """
    for run in _RUN.finditer(text):
        decoded = _decoded(run[0].rstrip("="))
        if decoded is not None and (_CREDENTIALS.fullmatch(decoded) or holds_secret(decoded)):
            yield run.span()


def _decoded(run: str) -> str | None:
    """The text of a run of base64; None where it is no base64, or not of text."""
    whole = run[: len(run) // 4 * 4] if len(run) % 4 == 1 else run + "=" * (-len(run) % 4)
    try:
        return urlsafe_b64decode(whole.translate(_URL_SAFE)).decode()
    except ValueError:
        return None
