"""Scrapes an agent from its start until it is ready, and prints what had no labels."""

from __future__ import annotations

import http.client
import re
import sys
import time

LABELLED = re.compile(r'container_\w+\{[^}]*\bid="/[^}]*\bname="[^"]')


def get(address: str, path: str) -> tuple[int, str]:
    """Status and text of an answer; 0 while nobody listens."""
    connection = http.client.HTTPConnection(address, 10311, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def main(address: str) -> None:
    """Poll every 20 ms; the last line is how many pages there were before it was ready."""
    pages, deadline = 0, time.monotonic() + 60
    while time.monotonic() < deadline:
        ready = get(address, "/readyz")[0] == 200
        status, page = get(address, "/metrics")
        pages += status == 200
        samples = [line for line in page.splitlines() if line.startswith("container_")]
        for line in samples:
            if not LABELLED.match(line):
                sys.stdout.write(f"{line}\n")
        if ready:
            sys.stdout.write(f"{pages} pages, {len(samples)} samples in the last\n")
            return
        time.sleep(0.02)
    sys.stdout.write("it did not get ready\n")


if __name__ == "__main__":
    main(sys.argv[1])
