#!/usr/bin/env bash
# An app that is OOM-killed, restarted by its restart policy, and knows why.
set -euo pipefail
name=selfinspect-why-did-i-die
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

step 'The app'
build --tag "$name" "$here"

step 'It eats more memory than it may have, and is restarted'
show docker run --detach --name "$name" --memory 160m --memory-swap 160m --restart on-failure:3 \
  "${with_engine[@]}" "$name"
for ((i = 0; i < 300; i++)); do
  [[ $(docker logs "$name") != *ended* ]] || break
  sleep 0.1
done
show docker logs "$name"
show docker inspect --format 'restarted {{.RestartCount}} time' "$name"
