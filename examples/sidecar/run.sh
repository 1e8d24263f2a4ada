#!/usr/bin/env bash
# An agent in a container of its own, in the app's network, which reports on the app.
set -euo pipefail
name=selfinspect-sidecar
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

step 'An app that knows nothing of the agent'
show docker run --detach --name "$name-app" --publish 8080 --memory 64m "$python" \
  python3 -m http.server 8080

step 'The agent beside it, in its network'
show docker run --detach --name "$name-agent" --network "container:$name-app" "${with_engine[@]}" \
  selfinspect serve --target netns
show docker exec "$name-agent" selfinspect wait --timeout 30s

step 'What it says, of the app'
show docker exec "$name-agent" selfinspect show name
show docker exec "$name-agent" selfinspect show ports/8080/tcp
show docker exec "$name-agent" selfinspect show limits/memory_bytes
