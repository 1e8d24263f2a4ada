"""What an engine lists of a container and its image, as the documents that are answered. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.engine.access import integer, sequence, text, text_mapping, texts

if TYPE_CHECKING:
    from selfinspect.masking import Masking
    from selfinspect.model import Json

_KINDS = {0: "modified", 1: "added", 2: "deleted"}
"""As the Engine API numbers them."""

_EPOCH = range(1, 253_402_300_800)
"""Unix seconds up to the year 9999, without the 0 that stands for none."""


def changes(listed: Json, masking: Masking) -> Json:
    """What `/v1/changes` answers. An engine says `null` where nothing has changed."""
    return {
        "changes": [
            {
                "path": masking.text(text(change, "Path") or ""),
                "kind": _KINDS.get(kind) if (kind := integer(change, "Kind")) is not None else None,
            }
            for change in sequence(listed)
        ]
    }


def image(inspect: Json, history: Json, *, reference: str | None, masking: Masking) -> Json:
    """What `/v1/image` answers.

    Args:
        inspect: the image's inspect document.
        history: its layers, the newest first; null where they are not known.
        reference: as it was typed when the container was made.
        masking: of the container; what is secret in the image or its history is learnt here.
    """
    masking = masking.learn([inspect, history])
    masked = masking.inspect(inspect)
    return {
        "reference": reference,
        "id": text(masked, "Id"),
        "digests": list(texts(masked, "RepoDigests")),
        "created_at": times.known(text(masked, "Created")),
        "size_bytes": integer(masked, "Size"),
        "architecture": text(masked, "Architecture"),
        "os": text(masked, "Os"),
        "labels": dict(text_mapping(masked, "Config", "Labels")),
        "history": None if history is None else [_layer(one, masking) for one in sequence(history)],
    }


def _layer(layer: Json, masking: Masking) -> Json:
    created = integer(layer, "Created")
    return {
        "created_at": times.rfc3339(created * 10**9) if created and created in _EPOCH else None,
        "created_by": masking.text(text(layer, "CreatedBy") or "") or None,
        "size_bytes": integer(layer, "Size"),
    }
