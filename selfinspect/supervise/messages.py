"""What PID 1 tells a person, one line each on standard error."""

from __future__ import annotations

import os
from contextlib import suppress


def say(event: str, **fields: object) -> None:
    """Write `selfinspect run: <event> key=value…`; a closed standard error is no one's harm."""
    words = (f"{key}={_word(str(value))}" for key, value in fields.items())
    line = " ".join(("selfinspect run:", event, *words)) + "\n"
    with suppress(OSError):
        os.write(2, line.encode(errors="surrogateescape"))


def _word(text: str) -> str:
    return text if text and text.isprintable() and not set(text) & set(' "=') else repr(text)
