"""What is secret, as rows: one a kind, which the tests read one by one."""

from __future__ import annotations

from selfinspect.masking.rules.names import NAMES, NameRule
from selfinspect.masking.rules.phrases import PHRASES
from selfinspect.masking.rules.programs import PROGRAMS
from selfinspect.masking.rules.rule import Rule
from selfinspect.masking.rules.settings import FORMATS, SETTINGS
from selfinspect.masking.rules.tokens import ADDRESSES, TOKENS

__all__ = ["NAMES", "PROGRAMS", "SETTINGS", "TEXTS", "NameRule", "Rule"]

# With what a text must have for any of them, a test that is cheaper than all their hints.
TEXTS = (
    (r"[:=]", ADDRESSES),
    (r"", FORMATS),
    (r"[\s(]", PHRASES),
    (r"[\w.~+-]{12}", TOKENS),
)
