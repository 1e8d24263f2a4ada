"""Runs in a container and keeps it busy: CPU, memory, the network and a block device."""

from __future__ import annotations

import mmap
import os
import socket
import sys
import time


def main(device: str, peer: str) -> None:
    """Read and write the device past the cache, and send to a peer, for ever."""
    held = bytearray(os.urandom(1 << 20) * 16)
    block = mmap.mmap(-1, 1 << 16)
    block.write(os.urandom(1 << 16))
    disk = os.open(device, os.O_RDWR | os.O_DIRECT) if device else -1
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while held:
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            sum(range(1000))
        sender.sendto(b"x" * 1000, (peer, 9))
        if disk >= 0:
            os.pwrite(disk, block, 0)
            os.preadv(disk, [block], 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
