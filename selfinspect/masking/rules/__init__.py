"""What a rule is: one kind of secret, where to look for it, and what it looks like. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.frozen import dataclass

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret.

    It is looked for anywhere in a text; in the `NAME=value` of one variable, label or argument
    (`settings`); or in the words of a command line, with a NUL between two of them (`programs`).
    What it must hide, and what it must leave, stands in the tests' tree under its name: the agent
    has no use for samples, and would carry them in memory.

    Attributes:
        name: what a failing sample is reported under.
        hint: a cheap test before the pattern. One of these stands in small letters in every text
            that the pattern can match. Of a command: the programs it is for, `ldap*` for all whose
            names begin so.
        pattern: its groups are the secret, or all of it where it has none. It is compiled when a
            text first hints at it, and `re` keeps it. It takes time in proportion to the text:
            nothing of unbounded length stands before something that may fail.
    """

    name: str
    hint: tuple[str, ...]
    pattern: str


def taken(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Yield where the groups of a match stand that took part in it; all of it without groups."""
    if not match.re.groups:
        yield match.span()
    for group in range(1, match.re.groups + 1):
        if match.start(group) >= 0:
            yield match.span(group)
