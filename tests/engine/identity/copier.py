"""A neighbour that gives itself any name of the form `si-…` it sees on the machine.

Reads the `comm` of every process in `/host/proc` that is younger than itself, as fast as it can,
for as many seconds as it is told; prints each name that it took.
"""

import contextlib
import os
import sys
import time

PROC = "/host/proc"
end = time.monotonic() + float(sys.argv[1])
with contextlib.suppress(OSError):
    os.setpriority(os.PRIO_PROCESS, 0, -20)
mine = os.open("/proc/self/comm", os.O_WRONLY)
newest = int(open(f"{PROC}/loadavg").read().split()[-1])  # noqa: PTH123, SIM115 quick and short
taken = b""
while time.monotonic() < end:
    for pid in os.listdir(PROC):  # noqa: PTH208 quicker
        if not pid.isdecimal() or int(pid) < newest:
            continue
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
