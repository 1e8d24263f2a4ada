"""Masks a text that comes line by line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selfinspect.masking.mask import MASK
from selfinspect.masking.told import announced, announces

if TYPE_CHECKING:
    from selfinspect.masking.mask import Masking

_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [^-]{0,64}-----")
_BODY = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}|\A\s*\S+\s*\Z")
_LONGEST_KEY = 120
"""Lines: a key of 8192 bits has 100."""


class LineMasking:
    """Hides what is secret in each line, a private key in all the lines over which it runs, and
    what stands alone in a line below `the password is:`.

    Args:
        masking: what is a secret.
    """

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._left = 0
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
