"""The drop-in that lets an engine listen on its gateway."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
UNIT = """\
[Unit]
Description=An engine
[Service]
Type=notify
ExecStart=/bin/true -H fd://
"""


def test_systemd_takes_the_drop_in(tmp_path: Path) -> None:
    """Read with a unit like Docker's, systemd has nothing to complain of."""
    unit = tmp_path / "docker.service"
    unit.write_text(UNIT)
    drop_in = tmp_path / "docker.service.d" / "listen-on-gateway.conf"
    drop_in.parent.mkdir()
    text = (ROOT / "deploy" / "tls" / drop_in.name).read_text()
    engine = shutil.which("dockerd") or "/bin/true"
    drop_in.write_text(text.replace("/usr/bin/dockerd", engine).replace("/sbin/sysctl", engine))
    read = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (read.returncode, read.stderr) == (0, "")
