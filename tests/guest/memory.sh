#!/usr/bin/env bash
# Runs in the guest: apps at their memory limit. Two ask for a signal when their memory is short: one
# takes memory in small steps until it gets the signal, the other fills its memory with page cache.
# One reads and writes more than its memory holds for minutes on end; one takes memory until the
# kernel kills it, and is started once more. The image comes as image.tar; answers go to the working
# folder.
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
def fill(name):
    subprocess.run(["dd", "if=/dev/zero", f"of=/scratch/{name}", "bs=1M", "count=192", "conv=fsync"])
def eat_to_the_brim():
    eaten.append(b"x" * max(0, figure("max") - figure("current") - (16 << 20)))
def nibble():
    eaten.append(b"x" * (128 << 10))
    time.sleep(0.3)
eaten = []
match sys.argv[1]:
    case "short":
        eat_to_the_brim()
        while not noticed:
            nibble()
    case "cached":
        fill("cached")
        time.sleep(20)
    case "storm":
        end = time.monotonic() + 150
        while time.monotonic() < end:
            fill("storm")
    case "doomed" if not os.path.exists("/tmp/doomed"):
        open("/tmp/doomed", "w").close()
        eat_to_the_brim()
        while True:
            nibble()
print("noticed" if noticed else "unnoticed", flush=True)
eaten.clear()
time.sleep(3600)
'

agent_get() {
  nsenter --net --target "$(docker inspect --format '{{.State.Pid}}' "$1")" \
    curl --silent --show-error --max-time 60 "http://127.0.0.1:10310$2"
}
said() { docker logs "$1" 2>/dev/null | grep --quiet noticed; }

within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    if ((SECONDS > deadline)); then echo "not in time: $*"; exit 1; fi
    sleep 1
  done
}

docker load --quiet --input "$(dirname "$0")/image.tar"
start() {
  docker run --detach --name "$1" --no-healthcheck --memory 128m --user root \
    --volume scratch:/scratch "$image" run --on-memory USR1 --wait 300s -- python3 -c "$app" "$1" \
    >/dev/null
  mkdir "$1"
}
collect() {
  within 1200 said "$1"
  docker logs "$1" >"$1/log" 2>&1
  agent_get "$1" /v1/self/memory_events >"$1/memory-events.json"
  agent_get "$1" '/v1/events?type=kernel' >"$1/kernel-events.json"
  agent_get "$1" /v1/self >"$1/self.json"
  agent_get "$1" /v1/history >"$1/history.json"
}

# The agent of the first needs the machine's time: the others come once it has had it.
start short
start cached
collect short
collect cached
start doomed
docker wait doomed >/dev/null
docker inspect --format '{{.State.FinishedAt}}' doomed >doomed/finished-at
docker start doomed >/dev/null
collect doomed
start storm
collect storm
