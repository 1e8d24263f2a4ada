#!/usr/bin/env bash
# A Python app that asks with `selfinspect.me()`.
set -euo pipefail
name=selfinspect-python-app
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

step 'The app'
build --tag "$name" "$here"

step 'With an agent that can ask the engine'
show docker run --detach --name "$name" --publish 8080 "${with_engine[@]}" "$name"
first_words "$name"

step 'Without an agent: it runs all the same'
show docker run --detach --name "$name-alone" --entrypoint python3 "$name" /app.py
first_words "$name-alone"
