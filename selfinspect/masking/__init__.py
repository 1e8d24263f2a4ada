"""What is a secret, and how it is hidden: pure functions over text, arguments and documents.

Pure.
"""

from __future__ import annotations

from selfinspect.exports import MASK
from selfinspect.masking.mask import LineMasking, Masking, masked_again

__all__ = ["MASK", "LineMasking", "Masking", "masked_again"]
