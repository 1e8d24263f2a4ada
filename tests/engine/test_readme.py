"""What README says to paste does what it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

README = (ROOT / "README.md").read_text()
LINES, ON_THE_PATH = re.findall(r"```dockerfile\n(.*?)```", README, re.DOTALL)
PYTHON = re.search(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_five_lines_and_pythons_own_work_as_they_stand(engine: Engine, tmp_path: Path) -> None:
    """In an image of another user, with a CMD of its own; `docker exec NAME selfinspect`, too."""
    assert PYTHON is not None
    (tmp_path / "app.py").write_text(f"{PYTHON[1]}\nprint(port, flush=True)\ninput()\n")
    base = engine.docker("inspect", "--format", '{{index .Config.Labels "base"}}', engine.image)
    lines = LINES.replace("COPY --from=selfinspect", f"COPY --from={engine.image}")
    path = ON_THE_PATH.replace("COPY --from=selfinspect", f"COPY --from={engine.image}")
    (tmp_path / "Dockerfile").write_text(
        f"FROM {base or 'selfinspect-base:bookworm'}\n{lines}{path}COPY app.py /\nUSER 65532\n"
        'CMD ["python3", "/app.py"]\n'
    )
    engine.docker("build", "--quiet", "--tag", "selfinspect-readme", tmp_path)
    app = engine.start("--interactive", "--publish", "8080", image="selfinspect-readme")
    until(app.logs, "the app's first words")
    port = engine.docker("port", app.id, "8080/tcp").rpartition(":")[2].strip()
    assert app.logs() == port
    assert app.exec("selfinspect", "show", "ports/8080/tcp") == port
    assert "fail" not in app.exec("selfinspect", "doctor")
