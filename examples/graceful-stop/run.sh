#!/usr/bin/env bash
# An app that reads how long it has left, and stops in time.
set -euo pipefail
name=selfinspect-graceful-stop
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

step 'The app'
build --tag "$name" "$here"

step 'It may take six seconds to stop, and has eight jobs of a second'
show docker run --detach --name "$name" --stop-timeout 6 "${with_engine[@]}" "$name"
first_words "$name"
show docker stop "$name"
show docker logs "$name"
show docker inspect --format 'exit code {{.State.ExitCode}}' "$name"
