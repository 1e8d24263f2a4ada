"""Clients that ask for metrics again and again and read nothing; run in a container's network.

Prints a line once they have asked, and keeps their connections until its standard input ends.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

_REQUESTS = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50


def main(count: int) -> None:
    """Ask from one address."""
    clients = [socket.socket() for _ in range(count)]
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", 10311))
        client.settimeout(0.01)
        with suppress(OSError):
            client.send(_REQUESTS)
    sys.stdout.write("asked\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
