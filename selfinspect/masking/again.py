"""Masking a document that is mostly as it was, as inspect is after each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfinspect.masking.mask import Masking
    from selfinspect.model import Json


def masked_again(masking: Masking, document: Json, before: Json, masked: Json) -> Json:
    """What `masking.inspect` makes of a document; only what has changed is looked at.

    Args:
        masking: what is a secret.
        document: as it is now.
        before: as it was, unmasked; None where there was none.
        masked: as it was, masked by this very masking.
    """
    if not (isinstance(document, dict) and isinstance(before, dict) and isinstance(masked, dict)):
        return masking.inspect(document)
    # Objects alone: what a list of arguments hides depends on the program beside it.
    same = {
        name: masked[name]
        for name, member in document.items()
        if isinstance(member, dict) and before.get(name) == member
    }
    changed: Json = {name: member for name, member in document.items() if name not in same}
    fresh = masking.inspect(changed)
    known = same | fresh if isinstance(fresh, dict) else same
    return {name: known[name] for name in document}
