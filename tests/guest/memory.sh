#!/usr/bin/env bash
# Runs in the guest: two apps that ask for a signal when their memory is short. One takes memory in
# small steps until it gets the signal, the other fills its memory with page cache. The image comes
# as image.tar; answers go to the working folder.
set -euo pipefail

readonly image=selfinspect:test

# shellcheck disable=SC2016 # Python's
readonly app='
import os, signal, subprocess, sys, time
noticed = False
def notice(*_):
    global noticed
    noticed = True
signal.signal(signal.SIGUSR1, notice)
def figure(name):
    return int(open(f"/sys/fs/cgroup/memory.{name}").read())
eaten = []
if sys.argv[1] == "short":
    eaten.append(b"x" * max(0, figure("max") - figure("current") - (16 << 20)))
    while not noticed:
        eaten.append(b"x" * (256 << 10))
        time.sleep(0.2)
else:
    subprocess.run(["dd", "if=/dev/zero", "of=/scratch/cache", "bs=1M", "count=192", "conv=fsync"])
    time.sleep(20)
print("noticed" if noticed else "unnoticed", flush=True)
eaten.clear()
time.sleep(3600)
'

agent_get() {
  nsenter --net --target "$(docker inspect --format '{{.State.Pid}}' "$1")" \
    curl --silent --show-error --max-time 60 "http://127.0.0.1:10310$2"
}
said() { docker logs "$1" 2>/dev/null | grep --quiet noticed; }

docker load --quiet --input "$(dirname "$0")/image.tar"
for name in short cached; do
  docker run --detach --name "$name" --no-healthcheck --memory 128m --user root \
    --volume scratch:/scratch "$image" run --on-memory USR1 --wait 300s -- python3 -c "$app" "$name" \
    >/dev/null
done
for name in short cached; do
  mkdir "$name"
  for ((i = 0; i < 400; i++)); do
    if said "$name"; then break; fi
    sleep 1
  done
  docker logs "$name" >"$name/log" 2>&1
  agent_get "$name" /v1/self/memory_events >"$name/memory-events.json"
  agent_get "$name" '/v1/events?type=kernel' >"$name/kernel-events.json"
done
