"""Variables and labels as an image's history tells them: no quotes stand around their values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.masking.names import Judge

# `ENV A=b C=d`, or `#(nop)  ENV …`; build arguments stand in `|2 A=b C=d /bin/sh -c …`.
_INSTRUCTION = re.compile(
    r"(?:\A|#\(nop\) {1,4})(?:ENV|ARG|LABEL) (.+)|(?:\A|\ARUN )\|\d{1,3} (.+?) /bin/\w{0,8}sh -",
    re.DOTALL,
)
_PAIR = re.compile(r"([A-Za-z_][\w./-]{0,255})=(.*?)(?=\s[A-Za-z_][\w./-]{0,255}=|\Z)", re.DOTALL)


def declared(text: str, secret: Judge) -> Iterator[tuple[int, int]]:
    """Yield where the value of a secret name stands in the instruction that made a layer."""
    if not (text.startswith(("ENV ", "ARG ", "LABEL ", "|", "RUN |")) or "#(nop)" in text):
        return
    for instruction in _INSTRUCTION.finditer(text):
        for pair in _PAIR.finditer(text, *instruction.span(instruction.lastindex or 0)):
            if secret(pair[1], pair[2]):
                yield pair.span(2)
