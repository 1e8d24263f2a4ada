#!/usr/bin/env bash
# From nothing to a container that knows itself: engine, base image, agent, app. --down ends it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
local_engine=$root/deploy/local-engine.sh
name=selfinspect-quickstart
renamed=$name-renamed

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() {
  printf '\033[2m$ %s\033[0m\n' "$*"
  "$@"
}
engine_answers() { command -v docker >/dev/null && docker version >/dev/null 2>&1; }

down() {
  engine_answers || eval "$("$local_engine" env)"
  if engine_answers; then docker rm --force "$name" "$renamed" >/dev/null 2>&1 || true; fi
  "$local_engine" down
}

# Prints the Python image to build on: the registry's where there is one, else one of our own.
python_image() {
  if [[ $engine != private ]] && docker pull --quiet python:3.13-slim >/dev/null 2>&1; then
    echo python:3.13-slim
  else
    "$root/deploy/wheelhouse.sh"
    "$local_engine" base-image
  fi
}

case "$*" in
  '') ;;
  --down) down && exit ;;
  *) echo 'usage: run.sh [--down]' >&2 && exit 2 ;;
esac

step 'An engine'
engine=yours
if ! engine_answers; then
  engine=private
  "$local_engine" up
  eval "$("$local_engine" env)"
fi
echo "$engine: ${DOCKER_HOST:=unix:///var/run/docker.sock}"
export DOCKER_HOST

step 'Three images: Python, the agent, the app with the agent in it'
python=$(python_image)
export DOCKER_BUILDKIT=0 # the legacy builder is the one that every engine up to 28 has
docker build --quiet --build-arg "PYTHON_IMAGE=$python" --tag selfinspect "$root" 2>/dev/null
docker build --quiet --build-arg "PYTHON_IMAGE=$python" --tag "$name" "$here" 2>/dev/null

step 'The app, and its agent beside it'
socket=/var/run/docker.sock
[[ $DOCKER_HOST != unix://* ]] || socket=${DOCKER_HOST#unix://}
group=$(docker run --rm --volume "$socket:/socket" --entrypoint stat "$python" -c %g /socket)
docker rm --force "$name" "$renamed" >/dev/null 2>&1 || true
show docker run --detach --name "$name" --publish 8080 --memory 256m \
  --volume "$socket:/var/run/docker.sock" --group-add "$group" \
  --env DATABASE_URL=postgres://shop:correct-horse@db/shop "$name"
until [[ $(docker logs "$name") ]]; do
  [[ $(docker inspect --format '{{.State.Running}}' "$name") == true ]] || {
    docker logs "$name"
    exit 1
  }
  sleep 0.1
done
show docker logs "$name"

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
[[ $engine == yours ]] || echo "export DOCKER_HOST=$DOCKER_HOST"
cat <<TEXT
docker exec $name /opt/selfinspect/bin/selfinspect show ports/8080/tcp
docker exec $name python3 /ask.py /v1/events
examples/quickstart/run.sh --down
TEXT
