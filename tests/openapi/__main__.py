"""Writes `selfinspect/web/openapi.json` anew: `python -m tests.openapi`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.openapi.document import document

FILE = Path(__file__).parents[2] / "selfinspect" / "web" / "openapi.json"

if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")
