#!/usr/bin/env bash
# An app whose agent reaches the engine through HAProxy, which lets this container's reads through.
set -euo pipefail
name=selfinspect-proxy
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
# shellcheck source=deploy/packages.sh
source "$root/deploy/packages.sh"
folder=${XDG_STATE_HOME:-/var/lib}/$name
install_missing haproxy=haproxy

step 'A container, created and not yet started: now it has an ID'
mkdir -p "$folder"
chmod 755 "$folder"
id=$(docker create --name "$name" --volume "$folder:/run/engine" --group-add 65532 \
  --env DOCKER_HOST=unix:///run/engine/docker.sock selfinspect run --wait 30s -- sleep infinity)
echo "$id"

step 'The proxy, for that container alone'
CONTAINER_ID=$id IMAGE_ID=$(docker inspect --format '{{.Image}}' "$name") GROUP=65532 \
  LISTEN=unix@$folder/docker.sock ENGINE=unix@$socket \
  haproxy -D -p "$folder/pid" -f "$root/deploy/socket-proxy/haproxy.cfg"
trap 'kill "$(<"$folder/pid")"' EXIT

step 'What the agent has through it'
show docker start "$name"
agent=(docker exec "$name" selfinspect)
show "${agent[@]}" wait --timeout 30s
show "${agent[@]}" id --explain
show "${agent[@]}" show name

step 'What is denied: every other container'
docker exec "$name" python3 -c '
import socket
engine = socket.socket(socket.AF_UNIX)
engine.connect("/run/engine/docker.sock")
engine.send(b"GET /containers/json HTTP/1.0\r\n\r\n")
print(engine.recv(100).split(b"\r\n")[0].decode())'
