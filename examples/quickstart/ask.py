"""Ask the agent beside this app: `ask.py /v1/self/name` prints what it says, as it says it."""

import os
import sys
import urllib.request
from pathlib import Path


def agent() -> str:
    """Where the agent is: in the app's environment, or in a file for those who do not see that."""
    return os.environ.get("SELFINSPECT_URI") or Path("/run/selfinspect/uri").read_text().strip()


def ask(path: str) -> str:
    """What the agent answers, as text."""
    with urllib.request.urlopen(agent() + path, timeout=5) as answer:
        return answer.read().decode().strip()


if __name__ == "__main__":
    with urllib.request.urlopen(agent() + sys.argv[1]) as answer:
        for line in answer:
            sys.stdout.write(line.decode())
            sys.stdout.flush()
