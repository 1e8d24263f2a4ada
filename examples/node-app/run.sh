#!/usr/bin/env bash
# A Node app that waits for its host port by one long request, not by polling.
set -euo pipefail
name=selfinspect-node-app
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

step 'The agent with a Python of its own, the app on an image that has Node alone'
build --file "$root/deploy/standalone.Dockerfile" --tag selfinspect:standalone "$root"
if [[ $python == selfinspect-base:* ]]; then node=$("$local_engine" base-image --with nodejs); fi
build --build-arg "NODE_IMAGE=${node:-node:22-slim}" --tag "$name" "$here"

step 'It runs; the agent is not ready yet when it first asks'
show docker run --detach --name "$name" --publish 8080 "${with_engine[@]}" "$name"
first_words "$name"

step 'Without an engine, and without an agent: it serves all the same'
show docker run --detach --name "$name-no-engine" --env PORT_TIMEOUT_SECONDS=2 "$name"
first_words "$name-no-engine"
show docker run --detach --name "$name-alone" --entrypoint node "$name" /app.mjs
first_words "$name-alone"
