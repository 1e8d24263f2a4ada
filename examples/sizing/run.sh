#!/usr/bin/env bash
# A container's limits as the variables that language runtimes read.
set -euo pipefail
name=selfinspect-sizing
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

step 'The app'
build --tag "$name" "$here"

step 'With 1.5 CPUs and 512 MiB'
limits=(--cpus 1.5 --memory 512m)
show docker run --name "$name" "${limits[@]}" "$name"
show docker run --name "$name-table" "${limits[@]}" --entrypoint /opt/selfinspect/bin/selfinspect \
  "$name" env --what size,size:web --explain

step 'Without limits: as the machine is'
show docker run --name "$name-unlimited" "$name"
