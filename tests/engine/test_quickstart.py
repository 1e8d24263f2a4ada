"""The quickstart and a second example, from no engine at all, on the private one they start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine

EXAMPLES = Path(__file__).parents[2] / "examples"
RUN = EXAMPLES / "quickstart" / "run.sh"
OTHER = EXAMPLES / "no-socket" / "run.sh"


def test_the_quickstart_shows_a_container_what_it_is(tmp_path: Path) -> None:
    """A name, a metric, a live event and a page; the last example's `--down` ends the engine."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    environ["XDG_STATE_HOME"] = str(tmp_path)
    try:
        shown = subprocess.run([RUN], env=environ, capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stderr
        assert "I am selfinspect-quickstart, and the host reaches me at port" in shown.stdout
        assert '"level": "proven"' in shown.stdout
        assert "container_memory_working_set_bytes{" in shown.stdout
        assert "event: rename" in shown.stdout
        assert "its name is now: selfinspect-quickstart-renamed" in shown.stdout
        command, address = shown.stdout.splitlines()[-2:]
        assert command.endswith("selfinspect open")
        pid = (tmp_path / "selfinspect-engine" / "docker.pid").read_text()
        page = ["nsenter", "--net", "--target", pid, "curl", "--silent", "--fail", address]
        assert "<title>" in subprocess.run(page, capture_output=True, text=True, check=True).stdout
        assert "selfinspect-quickstart cat /run/selfinspect/token" in shown.stderr
        assert "correct-horse" not in shown.stdout.replace(
            "DATABASE_URL=postgres://shop:correct-horse@db/shop", ""
        )
        subprocess.run([OTHER], env=environ, capture_output=True, check=True)
        subprocess.run([RUN, "--down"], env=environ, check=True)
        socket = tmp_path / "selfinspect-engine" / "docker.sock"
        left = ["docker", "--host", f"unix://{socket}", "ps", "--all", "--format", "{{.Names}}"]
        names = subprocess.run(left, capture_output=True, text=True, check=True).stdout.split()
        assert names == ["selfinspect-no-socket"]
    finally:
        for example in (RUN, OTHER):
            subprocess.run([example, "--down"], env=environ, check=True)
    assert not socket.exists()
