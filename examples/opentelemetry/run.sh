#!/usr/bin/env bash
# OpenTelemetry's SDKs of Python and Node, each with the ID of its own container in a shared network.
set -euo pipefail
name=selfinspect-opentelemetry
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

step 'The SDKs'
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp "$here"/* "$context"
python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
  --target "$context/python" --only-binary :all: --implementation py --abi none --platform any \
  opentelemetry-sdk
npm install --silent --no-audit --no-fund --prefix "$context" @opentelemetry/resources
chmod -R a+rX "$context"

step 'The apps'
build --file "$context/python.Dockerfile" --tag "$name-python" "$context"
build --file "$root/deploy/standalone.Dockerfile" --tag selfinspect:standalone "$root"
if [[ $python == selfinspect-base:* ]]; then node=$("$local_engine" base-image --with nodejs); fi
build --file "$context/node.Dockerfile" --build-arg "NODE_IMAGE=${node:-node:22-slim}" \
  --tag "$name-node" "$context"

step 'Another container, whose network they share'
show docker run --detach --name "$name-other" --entrypoint sleep "$python" 1h

for language in python node; do
  step "The resource of ${language^}'s SDK"
  show docker run --name "$name-$language" --network "container:$name-other" \
    --label com.docker.compose.project=shop --label "com.docker.compose.service=$language" \
    --env OTEL_RESOURCE_ATTRIBUTES=team=shop "${with_engine[@]}" "$name-$language"
  show docker inspect --format 'its ID is {{.Id}}' "$name-$language"
done
