"""Values that look secret whatever their name: where in a text they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.masking.names import is_reference
from selfinspect.masking.rules import SETTINGS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterator


def recognised(text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Yield where a secret stands that gives itself away, in a text and that in small letters."""
    for rule in TEXTS:
        for start, end in rule.found(text, lowered):
            if not is_reference(text[start:end]):
                yield start, end


def set_in(name: str, value: str) -> Iterator[tuple[int, int]]:
    """Yield where in the value of one variable, label or argument a secret stands.

    The name and the form of the value say so together, as in `SFTP_USERS=bob:hunter2x`.
    """
    setting = f"{name}={value}"
    lowered = setting.lower()
    for rule in SETTINGS:
        for start, end in rule.found(setting, lowered):
            if start > len(name) and not is_reference(setting[start:end]):
                yield start - len(name) - 1, end - len(name) - 1
