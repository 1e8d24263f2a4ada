"""A change of our network is told once, and only where it changes the way to somebody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

_WATCH = """
import subprocess, threading
from selfinspect.kernel.routes import NetworkChanges

def ip(*words):
    subprocess.run(("ip", *words), check=True)

changed = threading.Event()
ip("link", "set", "lo", "up")
with NetworkChanges(changed.set):
    ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    ip("link", "set", "va", "up")
    ip("link", "set", "vb", "up")
    print("told early" if changed.wait(0.3) else "not told", flush=True)
    ip("address", "add", "10.1.2.3/24", "dev", "va")
    print("told" if changed.wait(20) else "never told", flush=True)
with NetworkChanges(changed.clear):
    pass
print("unchanged" if changed.is_set() else "told at the end")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace of its own")
def test_a_new_route_is_told_and_a_link_without_one_is_not() -> None:
    """Links come and go beside us; the way to the engine is another with its route alone."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _WATCH],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.split("\n")[:3] == ["not told", "told", "unchanged"], done.stderr
