# shellcheck shell=bash
# What every example begins with, sourced by its run.sh: an engine, a Python image, the agent's.
#
# Takes `name`, that of the example's containers, or of the first of several `$name-…`. Gives
# `here`, `root`, `python` (an image), `with_engine` (options that let a container's agent reach
# the engine), and DOCKER_HOST. `run.sh --down` removes what the example started, and ends the private
# engine with the last example that uses it; one that was up before is left alone.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for the examples
here=$(cd "$(dirname "$0")" && pwd)
local_engine=$root/deploy/local-engine.sh
export DOCKER_BUILDKIT=0 # the legacy builder is the one that every engine up to 28 has

bold='' faint='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then bold=$'\033[1m' faint=$'\033[2m' plain=$'\033[0m'; fi
step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
show() {
  printf '%s$ %s%s\n' "$faint" "$*" "$plain"
  "$@"
}
engine_answers() { command -v docker >/dev/null && docker version >/dev/null 2>&1; }

remove() {
  local found
  found=$(docker ps --all --quiet --filter "name=^${name:?}(-.*)?\$")
  # shellcheck disable=SC2086 # one word a container
  [[ -z $found ]] || docker rm --force --volumes $found >/dev/null
}

# The examples that use the private engine, where one of them started it; the last one ends it.
users=${XDG_STATE_HOME:-/var/lib}/selfinspect-engine/examples

down() {
  engine_answers || eval "$("$local_engine" env)"
  if engine_answers; then remove; fi
  [[ -d $users ]] || return 0
  rm -f "$users/$name"
  if rmdir "$users" 2>/dev/null; then "$local_engine" down; fi
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

# The legacy builder warns of itself on every build: its words are shown where it fails alone.
build() {
  local words
  { words=$(docker build --quiet --build-arg "PYTHON_IMAGE=$python" "$@" 2>&1 >&3); } 3>&1 ||
    { printf '%s\n' "$words" >&2; return 1; }
}

# The container's log once the app has said something; fails with it where the app ends before.
first_words() {
  local running=true
  until [[ $(docker logs "$1" 2>/dev/null) ]]; do
    [[ $running == true ]] || { docker logs "$1"; return 1; }
    running=$(docker inspect --format '{{.State.Running}}' "$1")
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
  eval "$("$local_engine" env)"
  if ! engine_answers; then
    "$local_engine" up
    mkdir -p "$users"
  fi
  [[ ! -d $users ]] || touch "$users/$name"
fi
DOCKER_HOST=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}')}
export DOCKER_HOST
echo "$engine: $DOCKER_HOST"

step 'Images: Python, the agent (the first time this takes a few minutes)'
python=$(python_image)
build --tag selfinspect "$root"

chmod -R a+rX "$here" # what a checkout under a strict umask lacks: the images' users are not root

socket=/var/run/docker.sock
[[ $DOCKER_HOST != unix://* ]] || socket=${DOCKER_HOST#unix://}
group=$(docker run --rm --volume "$socket:/socket" --entrypoint stat "$python" -c %g /socket)
# shellcheck disable=SC2034 # for the examples
with_engine=(--volume "$socket:/var/run/docker.sock" --group-add "$group")
remove
