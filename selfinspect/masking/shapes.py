"""Values that look secret whatever their name: where in a text they stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from selfinspect.masking.names import is_reference
from selfinspect.masking.rules import SETTINGS, TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selfinspect.masking.rules import Rule

# One hint after another in a flat loop: most texts have none, and are passed over quickly.
_Hinted: TypeAlias = "tuple[tuple[str, Rule], ...]"


def _hinted(rules: Iterable[Rule]) -> _Hinted:
    return tuple((hint, rule) for rule in rules for hint in rule.hint)


_TEXTS = tuple((re.compile(needs).search, _hinted(rules)) for needs, rules in TEXTS)
_SETTINGS = _hinted(SETTINGS)


def recognised(text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Yield where a secret stands that gives itself away, in a text and that in small letters."""
    for needed, rules in _TEXTS:
        if needed(text):
            yield from _found(text, lowered, rules)


def set_in(name: str, value: str) -> Iterator[tuple[int, int]]:
    """Yield where in the value of one variable, label or argument a secret stands.

    The name and the form of the value say so together, as in `SFTP_USERS=bob:hunter2x`.
    """
    setting = f"{name}={value}"
    for start, end in _found(setting, setting.lower(), _SETTINGS):
        if start > len(name):
            yield start - len(name) - 1, end - len(name) - 1


def _found(text: str, lowered: str, rules: _Hinted) -> Iterator[tuple[int, int]]:
    for rule in {rule.name: rule for hint, rule in rules if hint in lowered}.values():
        for start, end in rule.found(text):
            if not is_reference(text[start:end]):
                yield start, end
