#!/usr/bin/env bash
# From nothing to a container that knows itself: engine, base image, agent, app. --down ends it.
set -euo pipefail
name=selfinspect-quickstart
# shellcheck source=examples/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
renamed=$name-renamed

step 'The app with the agent in it'
build --tag "$name" "$here"

step 'It runs, with its agent beside it'
show docker run --detach --name "$name" --publish 8080 --memory 256m \
  --publish 127.0.0.1::10310 --env SELFINSPECT_LISTEN=0.0.0.0:10310 --env SELFINSPECT_TOKEN_FILE=auto \
  "${with_engine[@]}" \
  --env DATABASE_URL=postgres://shop:correct-horse@db/shop "$name"
first_words "$name"

step 'What it knows about itself: /v1/self'
agent=(docker exec "$name" /opt/selfinspect/bin/selfinspect)
show "${agent[@]}" show

step 'How it knows which container it is'
show "${agent[@]}" id --explain

step 'A metric or two: /metrics'
docker exec "$name" python3 /ask.py /metrics |
  grep --extended-regexp '^(container_memory_working_set_bytes|container_cpu_usage_seconds_total|selfinspect_container_info)'

step 'A live event: /v1/events/stream, while docker renames the container'
coproc stream { docker exec "$name" python3 /ask.py /v1/events/stream; }
read -r _ <&"${stream[0]}" # the stream is open
show docker rename "$name" "$renamed"
while read -r line <&"${stream[0]}"; do
  [[ $line != id:* && $line != event:* && $line != data:* ]] || echo "$line"
  [[ $line != data:*'"rename"'* ]] || break
done
# shellcheck disable=SC2154 # coproc sets it
kill "$stream_PID" 2>/dev/null || true
printf 'its name is now: '
docker exec "$renamed" python3 /ask.py /v1/self/name
docker rename "$renamed" "$name"

step 'It goes on running. To look around, and to end it:'
[[ $engine == yours ]] || "$local_engine" env
cat <<TEXT
docker exec $name /opt/selfinspect/bin/selfinspect show ports/8080/tcp
docker exec $name python3 /ask.py /v1/events
examples/quickstart/run.sh --down
TEXT

step 'And its page, for a browser on the machine of the engine'
[[ $engine == yours ]] || # whose network is its own
  echo "from within: nsenter --net --target $(<"$(dirname "$socket")/docker.pid") curl ADDRESS"
show "${agent[@]}" open
