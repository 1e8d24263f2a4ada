"""What a request would like its answer to be: Accept and Accept-Encoding. Pure."""

from __future__ import annotations

import re

_WEIGHT = re.compile(r";\s*q=([01](?:\.\d{0,3})?)\s*(?:;|$)", re.ASCII | re.IGNORECASE)


def weight(wishes: str, *names: str) -> float:
    """How much one of these is wanted: RFC 9110, section 12.4.2.

    Args:
        wishes: the header. What stands for several, such as `*/*`, names none of them.
        names: in lower case.

    Returns:
        From 0, not at all, to 1.
    """
    found = 0.0
    for wish in wishes.split(","):
        if wish.partition(";")[0].strip().lower() in names:
            stated = _WEIGHT.search(wish)
            found = max(found, float(stated[1]) if stated else 1.0)
    return found


def prefers(accept: str, *media_types: str) -> bool:
    """Whether one of these is wanted, and plain text is not wanted more."""
    wanted = weight(accept, *media_types)
    return wanted > 0 and wanted >= weight(accept, "text/plain")
