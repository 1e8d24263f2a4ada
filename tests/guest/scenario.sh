#!/usr/bin/env bash
# Runs in the guest: containers with an agent on cgroup v2, and what they, the engine and the
# kernel say of them. The image comes as image.tar; answers go to the working folder.
set -euo pipefail

readonly image=selfinspect:test socket=/var/run/docker.sock
engine_get() { curl --silent --show-error --fail --unix-socket "$socket" "http://engine$1"; }

# One without a CPU quota is up sooner: only the busy one has it.
start() {
  local name=$1
  shift
  docker run --detach --name "$name" --no-healthcheck --memory 128m --pids-limit 64 "$@" "$image" \
    >/dev/null
}
with_socket=(--volume "$socket:$socket" --group-add "$(stat --format %g "$socket")")

agent_get() {
  nsenter --net --target "$(docker inspect --format '{{.State.Pid}}' "$1")" \
    curl --silent --show-error --max-time 60 "http://127.0.0.1:${3:-10310}$2"
}

settled() {
  local answer
  answer=$(agent_get "$1" /v1/identity "${2:-}" 2>/dev/null) && [[ $answer != *'still being resolved'* ]]
}

within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    if ((SECONDS > deadline)); then echo "not in time: $*"; exit 1; fi
    sleep 0.5
  done
}

# What the kernel's readers use, as the container sees it. Files of /proc have no size, so that tar
# would take them for empty.
capture() {
  local device
  device=$(</sys/block/nvme0n1/dev)
  mkdir "$1/tree"
  # shellcheck disable=SC2016 # expanded in the container
  docker exec --env "device=$device" "$1" bash -c '
    mkdir -p /tmp/tree/proc/self/ns
    cd /tmp/tree
    for file in proc/stat proc/self/{cgroup,mountinfo,net/dev} "sys/dev/block/$device/uevent" \
      sys/fs/cgroup/{cpu.{max,pressure,stat,weight},io.{pressure,stat},pids.{current,max}} \
      sys/fs/cgroup/memory.{current,events,low,max,peak,pressure,stat,swap.current,swap.max}; do
      mkdir -p "$(dirname "$file")"
      cat "/$file" >"$file"
    done
    cp --no-dereference /proc/self/ns/cgroup proc/self/ns/
    tar --create --owner 0 --group 0 .' | tar --extract --directory "$1/tree"
}

docker load --quiet --input "$(dirname "$0")/image.tar"

start busy "${with_socket[@]}" --cpus 0.5 --volume scratch:/scratch
start alone
start host-socket --cgroupns host "${with_socket[@]}"
start host-alone --cgroupns host
start joined "${with_socket[@]}" --network container:busy \
  --env SELFINSPECT_LISTEN=127.0.0.1:10320 --env SELFINSPECT_METRICS_LISTEN=off
start joined-alone --network container:busy \
  --env SELFINSPECT_LISTEN=127.0.0.1:10330 --env SELFINSPECT_METRICS_LISTEN=off
names=(busy alone host-socket host-alone joined joined-alone)
declare -A port=([joined]=10320 [joined-alone]=10330)

for name in "${names[@]}"; do
  within 900 settled "$name" "${port[$name]:-}"
  mkdir "$name"
  docker inspect --format '{{.Id}}' "$name" >"$name/id"
done

# More memory than it may have, so that the kernel kills it, and it alone.
docker exec busy python3 -c 'b"x" * (256 << 20)' && exit 1

# CPU time beyond the quota, traffic with a disk past the page cache, and with the network: nobody
# listens there, and that is what comes back.
gateway=$(docker inspect --format '{{.NetworkSettings.Gateway}}' busy)
docker exec --user root --detach --env "gateway=$gateway" busy bash -c '
  while :; do
    dd if=/dev/zero of=/scratch/file bs=64k count=16 oflag=direct
    dd if=/scratch/file of=/dev/null bs=64k iflag=direct
    echo busy >/dev/udp/$gateway/9
    for ((i = 0; i < 20000; i++)); do :; done
    touch /scratch/went-round
  done'
went_round() { docker exec busy test -e /scratch/went-round; }
within 300 went_round
sleep 2 # and a sample taken before is too old to be served again

# Figures of the kernel between two of the engine's.
for name in "${names[@]}"; do
  stats="/v1.45/containers/$name/stats?stream=false&one-shot=true"
  engine_get "$stats" >"$name/engine-before.json"
  agent_get "$name" /v1/stats "${port[$name]:-}" >"$name/stats.json"
  engine_get "$stats" >"$name/engine-after.json"
  [[ $name != busy ]] || capture busy
  agent_get "$name" /v1/identity "${port[$name]:-}" >"$name/identity.json"
  agent_get "$name" /v1/self "${port[$name]:-}" >"$name/self.json"
  agent_get "$name" /metrics "${port[$name]:-}" >"$name/metrics.txt"
done
agent_get busy /v1/self/memory_events >busy/memory-events.json
agent_get busy '/v1/events?type=kernel' >busy/kernel-events.json
