"""What is a secret, and how it is hidden: pure functions over text, arguments and documents."""

from __future__ import annotations

from selfinspect.masking.again import masked_again
from selfinspect.masking.lines import LineMasking
from selfinspect.masking.mask import MASK, Masking

__all__ = ["MASK", "LineMasking", "Masking", "masked_again"]
