"""Writes `selfinspect/web/openapi.json`: `python -m selfinspect.web.openapi` in a source tree.

Descriptions come from docstrings, so not under `python -OO`.
"""

from __future__ import annotations

import json
from pathlib import Path

from selfinspect.web.openapi import document

FILE = Path(__file__).parents[1] / "openapi.json"

if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")
