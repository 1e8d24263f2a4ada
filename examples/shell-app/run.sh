#!/usr/bin/env bash
# A shell script that knows its host port from its environment, on an image without Python.
set -euo pipefail
name=selfinspect-shell-app
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

step 'The agent with a Python of its own, the app, which has none'
build --file "$root/deploy/standalone.Dockerfile" --tag selfinspect:standalone "$root"
if [[ $engine == private || $python == selfinspect-base:* ]]; then base=$("$local_engine" base-image --busybox); fi
build --build-arg "BASE_IMAGE=${base:-busybox}" --tag "$name" "$here"

step 'It runs'
show docker run --detach --name "$name" --publish 8080 --memory 128m "${with_engine[@]}" "$name"
first_words "$name"
show docker exec "$name" /opt/selfinspect/bin/selfinspect env
