"""Values that look secret whatever their name: where in a text they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.masking.names import is_reference
from selfinspect.masking.rules import SETTINGS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selfinspect.masking.rules import Rule

# One after another in a flat loop: most texts have none of them, and are passed over quickly.
_TEXT_HINTS = tuple((hint, place) for place, rule in enumerate(TEXTS) for hint in rule.hint)
_SETTING_HINTS = tuple((hint, place) for place, rule in enumerate(SETTINGS) for hint in rule.hint)


def recognised(text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Yield where a secret stands that gives itself away, in a text and that in small letters."""
    places = {place for hint, place in _TEXT_HINTS if hint in lowered}
    return _found(text, (TEXTS[place] for place in sorted(places)))


def set_in(name: str, value: str) -> Iterator[tuple[int, int]]:
    """Yield where in the value of one variable, label or argument a secret stands.

    The name and the form of the value say so together, as in `SFTP_USERS=bob:hunter2x`.
    """
    setting = f"{name}={value}"
    lowered = setting.lower()
    places = {place for hint, place in _SETTING_HINTS if hint in lowered}
    for start, end in _found(setting, (SETTINGS[place] for place in sorted(places))):
        yield start - len(name) - 1, end - len(name) - 1


def _found(text: str, rules: Iterable[Rule]) -> Iterator[tuple[int, int]]:
    for rule in rules:
        for start, end in rule.found(text):
            if not is_reference(text[start:end]):
                yield start, end
