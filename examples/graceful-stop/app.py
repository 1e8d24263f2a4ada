"""Works on jobs of a second each; asked to stop, it finishes those for which there is time."""

import json
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

STOPPING = Path("/run/selfinspect/stopping")
stop = False


def on_term(*_: object) -> None:
    """Take no more jobs than there is time for."""
    global stop  # noqa: PLW0603
    stop = True


def seconds_left() -> float:
    """Until SIGKILL; ten, Docker's default, where nobody says."""
    for _ in range(50):  # the signal comes before the file
        if STOPPING.exists():
            break
        time.sleep(0.01)
    else:
        return 10.0
    deadline = json.loads(STOPPING.read_text())["deadline"]
    if deadline is None:
        return 10.0
    return (datetime.fromisoformat(deadline) - datetime.now(UTC)).total_seconds()


signal.signal(signal.SIGTERM, on_term)
queue = [f"job {number}" for number in range(1, 9)]
print(f"{len(queue)} jobs are waiting", flush=True)
while not stop:
    time.sleep(0.1)
left = seconds_left()
print(f"asked to stop: {left:.0f} s left", flush=True)
end = time.monotonic() + left - 2  # the rest is for what comes after the jobs
while queue and time.monotonic() + 1 < end:
    time.sleep(1)
    print(f"finished {queue.pop(0)}", flush=True)
print(f"handed back {', '.join(queue)}" if queue else "nothing left to do", flush=True)
sys.exit(0)
