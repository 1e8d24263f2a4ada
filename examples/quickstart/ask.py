"""Ask the agent beside this app: `ask.py /v1/self/name` prints what it says, as it says it."""

import os
import sys
import urllib.request
from pathlib import Path


def agent() -> str:
    """Where the agent is: in the app's environment, or in a file for those who do not see that."""
    return os.environ.get("SELFINSPECT_URI") or Path("/run/selfinspect/uri").read_text().strip()


def request(path: str) -> urllib.request.Request:
    """A request with the token, which the page takes to be opened from outside of the container."""
    named = os.environ.get("SELFINSPECT_TOKEN_FILE", "auto")  # a `docker exec` sees this word
    token = Path("/run/selfinspect/token" if named == "auto" else named)
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"} if token.exists() else {}
    return urllib.request.Request(agent() + path, headers=headers)


def ask(path: str) -> str:
    """What the agent answers, as text."""
    with urllib.request.urlopen(request(path), timeout=5) as answer:
        return answer.read().decode().strip()


if __name__ == "__main__":
    with urllib.request.urlopen(request(sys.argv[1])) as answer:
        for line in answer:
            sys.stdout.write(line.decode())
            sys.stdout.flush()
