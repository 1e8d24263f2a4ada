"""What the kernel does for a process."""

from __future__ import annotations

import subprocess
import sys

ORPHANED = """
import os
from selfinspect.supervise.prctl import inherit_orphans
inherit_orphans()
ours, theirs = os.pipe()
if not os.fork():
    if not os.fork():
        os.read(ours, 1)
    os._exit(0)
os.wait()
os.write(theirs, b"x")
os.wait()  # were it another's child, there would be none to wait for
"""


def test_an_orphan_below_us_becomes_our_child() -> None:
    """Also where we are not PID 1."""
    subprocess.run([sys.executable, "-c", ORPHANED], check=True)
