"""How much later a command starts under an init, run in a container started with `--init`."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from pathlib import Path

ROUNDS = 15
ENGINES_INIT = next(each for each in ("/sbin/docker-init", "/dev/init") if Path(each).exists())
INITS = {
    "bare": [],
    "the engine's init": [ENGINES_INIT, "--"],
    "selfinspect run": ["selfinspect", "run", "--"],
}


def start(init: list[str]) -> float:
    """Milliseconds until the command has written its first byte."""
    begun = time.perf_counter()
    with subprocess.Popen([*init, "echo", "here"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 1)
        return (time.perf_counter() - begun) * 1e3


def main() -> None:
    """Taken in turns, so that a slow moment hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in INITS}
    for _ in range(ROUNDS):
        for name, init in INITS.items():
            taken[name].append(start(init))
    print(json.dumps({name: round(statistics.median(each), 1) for name, each in taken.items()}))


if __name__ == "__main__":
    main()
