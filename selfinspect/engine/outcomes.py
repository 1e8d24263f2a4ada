"""What the end of asking an endpoint means: whether somebody is there, and whether waiting helps.

One table; what mends an end is said where it is found out, with what was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.errors import Outcome


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an outcome means.

    Attributes:
        hopeless: only another container or configuration mends it: asking soon is in vain.
        absent: there is nothing at all where an engine was looked for.
        nobody: at a place that nobody named it says no more than that no engine is there.
    """

    hopeless: bool = False
    absent: bool = False
    nobody: bool = False


_SOMEBODY = Meaning()

MEANINGS: Mapping[Outcome, Meaning] = {
    "missing": Meaning(hopeless=True, absent=True),
    "unsupported": Meaning(hopeless=True, absent=True),
    "denied": Meaning(hopeless=True),
    "stale": Meaning(hopeless=True),
    "folder": Meaning(hopeless=True),
    "refused": Meaning(nobody=True),
    "timeout": Meaning(nobody=True),
    "unknown name": Meaning(nobody=True),
    "no engine": Meaning(nobody=True),
    "API too old": _SOMEBODY,
    "API too new": _SOMEBODY,
    "TLS wanted": _SOMEBODY,
    "no TLS": _SOMEBODY,
    "TLS failed": _SOMEBODY,
    "wrong name": _SOMEBODY,
    "wrong CA": _SOMEBODY,
    "certificate expired": _SOMEBODY,
    "no certificates": _SOMEBODY,
    "no client certificate": _SOMEBODY,
    "client certificate expired": _SOMEBODY,
    "client certificate refused": _SOMEBODY,
}


def meaning(outcome: str) -> Meaning:
    """What an outcome means; an answer in an engine's own words comes from somebody."""
    return _BY_WORD.get(outcome, _SOMEBODY)


_BY_WORD: Mapping[str, Meaning] = {str(outcome): each for outcome, each in MEANINGS.items()}
