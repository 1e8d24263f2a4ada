#!/usr/bin/env bash
# No socket is mounted: the engine listens on its bridge's gateway, with TLS. It is a private one.
set -euo pipefail
unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH
state=${XDG_STATE_HOME:-/var/lib}/selfinspect-gateway-tls
export XDG_STATE_HOME=$state
name=selfinspect-gateway-tls
certificates=$state/certificates
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

if [[ ${1:-} != --down ]]; then
  "$top/deploy/tls/certificates.sh" "$certificates" 172.17.0.1
  # In a network of its own, where every address is the gateway's or loopback.
  "$top/deploy/local-engine.sh" up -- --config-file "$certificates/server/daemon.json" \
    --host tcp://0.0.0.0:2376
  eval "$("$top/deploy/local-engine.sh" env)"
  mkdir -p "$state/selfinspect-engine/examples" # so that --down ends it
fi
# shellcheck source=examples/setup.sh
source "$top/examples/setup.sh"

step 'A container with the client certificate, and nothing else of the engine'
for file in ca cert key; do
  install -D --mode 0440 --group 65532 "$certificates/client/$file.pem" "$state/client/$file.pem"
done
chmod 755 "$state" "$state/client"
show docker run --detach --name "$name" --volume "$state/client:/certs:ro" \
  --env DOCKER_CERT_PATH=/certs --env DOCKER_TLS_VERIFY=1 selfinspect run --wait 30s -- sleep infinity
agent=(docker exec "$name" selfinspect)
show "${agent[@]}" wait --timeout 30s

step 'The engine was found at the gateway'
show "${agent[@]}" show identity
show "${agent[@]}" show engine
show "${agent[@]}" doctor
