"""Uses up its memory in its first run, and says in its second what became of the first."""

import sys

import selfinspect

before = selfinspect.me().previous_run
if before is None:
    print("first run: eating memory", flush=True)
    eaten = []
    while True:
        eaten.append(bytearray(b"x" * 2**20))

how = f"{before.cause}, exit code {before.exit_code}"
print(f"run {before.number} ended at {before.finished_at}: {how}")
sys.exit(0 if before.oom_killed else 1)
