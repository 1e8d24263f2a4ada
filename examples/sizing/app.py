"""Starts as many workers as the container's limits are good for, each with so many threads."""

import os

cpus = os.cpu_count() or 1  # the machine's, whatever the container may use of them
workers = int(os.environ.get("WEB_CONCURRENCY", cpus))
threads = int(os.environ.get("OMP_NUM_THREADS", cpus))
sized = "sized by its limits" if "WEB_CONCURRENCY" in os.environ else "sized by the machine"
print(f"{sized}: {workers} workers of {threads} threads", flush=True)
