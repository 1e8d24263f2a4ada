"""A neighbour that gives itself any name of the form `si-…` it sees on the machine.

Reads `/host/proc/*/comm`, the newest processes first, as fast as it can, for as many seconds as it
is told; prints each name that it took.
"""

import os
import sys
import time

PROC = "/host/proc"
end = time.monotonic() + float(sys.argv[1])
mine = os.open("/proc/self/comm", os.O_WRONLY)
taken = b""
pids: list[str] = []
rounds = 0
while time.monotonic() < end:
    if rounds % 8 == 0:
        names = os.listdir(PROC)  # noqa: PTH208 quicker
        pids = sorted(filter(str.isdecimal, names), key=int, reverse=True)
    rounds += 1
    for pid in pids if rounds % 8 == 0 else pids[:64]:
        try:
            descriptor = os.open(f"{PROC}/{pid}/comm", os.O_RDONLY)
            name = os.read(descriptor, 16)
            os.close(descriptor)
        except OSError:
            continue
        if name.startswith(b"si-") and name != taken:
            os.write(mine, name.rstrip(b"\n"))
            taken = name
            os.write(1, name)
