#!/usr/bin/env bash
# The agent without any engine: what the kernel alone knows.
set -euo pipefail
name=selfinspect-no-socket
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

step 'A container with a memory limit, read-only, without capabilities, without a socket'
show docker run --detach --name "$name" --memory 128m --cpus 0.5 --read-only --cap-drop ALL \
  --tmpfs /run/selfinspect:uid=65532 selfinspect run --wait 30s -- python3 -m http.server 8080
agent=(docker exec "$name" selfinspect)
show "${agent[@]}" wait --timeout 30s

step 'Who it is, as far as that can be seen'
show "${agent[@]}" id --explain || echo "(refused: exit code $?)"

step 'Its figures'
show "${agent[@]}" stats

step 'What is missing, and how to get it'
show "${agent[@]}" doctor || true
