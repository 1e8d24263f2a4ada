#!/usr/bin/env bash
# An app that registers its own host port with a registry, and leaves it when it stops.
set -euo pipefail
name=selfinspect-service-registration
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

step 'A registry'
build --tag "$name" "$here"
show docker run --detach --name "$name-registry" --entrypoint python3 "$name" /registry.py
registry=$(docker inspect --format '{{.NetworkSettings.Networks.bridge.IPAddress}}' "$name-registry")

step 'Two instances of the app: each is at a host port of its own, which it finds out by itself'
for number in 1 2; do
  show docker run --detach --name "$name-$number" --publish 8080 "${with_engine[@]}" \
    --env "REGISTRY=http://$registry:8500" --env HOST_ADDRESS=192.0.2.10 "$name"
  first_words "$name-$number"
done

step 'One stops, and leaves'
show docker stop -t 5 "$name-1"
show docker logs "$name-registry"
