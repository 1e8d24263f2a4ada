# shellcheck shell=bash
# What every example begins with, sourced by its run.sh: an engine, a Python image, the agent's.
#
# Takes `name`, that of the example's containers, or of the first of several `$name-…`. Gives
# `here`, `root`, `python` (an image), `with_engine` (options that let a container's agent reach
# the engine), and DOCKER_HOST. `run.sh --down` removes what the example started, and the private
# engine if there is one.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for the examples
here=$(cd "$(dirname "$0")" && pwd)
local_engine=$root/deploy/local-engine.sh
export DOCKER_BUILDKIT=0 # the legacy builder is the one that every engine up to 28 has

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() {
  printf '\033[2m$ %s\033[0m\n' "$*"
  "$@"
}
engine_answers() { command -v docker >/dev/null && docker version >/dev/null 2>&1; }

remove() {
  local found
  found=$(docker ps --all --quiet --filter "name=^${name:?}(-.*)?\$")
  # shellcheck disable=SC2086 # one word a container
  [[ -z $found ]] || docker rm --force --volumes $found >/dev/null
}

down() {
  engine_answers || eval "$("$local_engine" env)"
  if engine_answers; then remove; fi
  "$local_engine" down
}

# The registry's Python where there is one, else an image made of Debian's packages.
python_image() {
  if [[ $engine != private ]] && docker pull --quiet python:3.13-slim >/dev/null 2>&1; then
    echo python:3.13-slim
  else
    "$root/deploy/wheelhouse.sh" || exit
    "$local_engine" base-image
  fi
}

build() { docker build --quiet --build-arg "PYTHON_IMAGE=$python" "$@" 2>/dev/null; }

# The container's log once it has something to say; fails with it where the container ended badly.
first_words() {
  until [[ $(docker logs "$1" 2>&1) ]]; do
    [[ $(docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$1") =~ ^(running|created|exited\ 0) ]] ||
      break
    sleep 0.1
  done
  docker logs "$1"
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

step 'Images: Python, the agent'
python=$(python_image)
build --tag selfinspect "$root"

socket=/var/run/docker.sock
[[ $DOCKER_HOST != unix://* ]] || socket=${DOCKER_HOST#unix://}
group=$(docker run --rm --volume "$socket:/socket" --entrypoint stat "$python" -c %g /socket)
# shellcheck disable=SC2034 # for the examples
with_engine=(--volume "$socket:/var/run/docker.sock" --group-add "$group")
remove
