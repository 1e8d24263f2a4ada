#!/usr/bin/env bash
# A private Docker engine for a machine that has none, and base images without a registry.
set -euo pipefail
# shellcheck source=deploy/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
# shellcheck source=deploy/engine-processes.sh
source "$(dirname "${BASH_SOURCE[0]}")/engine-processes.sh"

usage() {
  cat <<'TEXT'
usage: local-engine.sh up [--dir D] [--cgroup2] [-- DOCKERD-OPTION...]
       local-engine.sh down [--dir D]
       local-engine.sh env [--dir D]
       local-engine.sh base-image [--dir D] [--suite S] [--with PACKAGE]
       local-engine.sh base-image [--dir D] --busybox

up          start dockerd in mount and network namespaces of its own, unless it is up already
down        end everything that `up` started; images and stopped containers stay in D
env         print the line that points a docker client to the engine: eval "$(local-engine.sh env)"
base-image  build an image from Debian packages, import it and print its name:
            selfinspect-base:S with python3, selfinspect-base:S-PACKAGE with that package beside
            it, or selfinspect-base:busybox

--cgroup2   show the engine, and nobody else, a machine with cgroup v2 alone. Where that machine has
            v1 as well the controllers stay there: namespaces and paths are v2's, figures are few
--dir D     where the engine lives (default: ${XDG_STATE_HOME:-/var/lib}/selfinspect-engine);
            base-image without it takes the engine of DOCKER_HOST when that is set
--suite S   the Debian release of the base image (default: bookworm)

Several engines with different folders can be up at once. The engine's network has no way out:
images come by import or load, and a published port is reached from inside of it:
  nsenter --net --target "$(cat D/docker.pid)" curl http://127.0.0.1:PORT/
TEXT
}

bad_usage() { say "$1"; usage >&2; exit 2; }

# --- the engine -------------------------------------------------------------------------------

# Run in the new namespaces; becomes dockerd. Sockets and locks below /run and the settings below
# /etc/docker would otherwise be shared with the machine's own engine and with other private ones.
# shellcheck disable=SC2016 # expanded by the inner shell
readonly enter='
  set -e
  dir=$1 cgroup2=$2; shift 2
  readlink /proc/self/ns/mnt >"$dir/namespace"
  ip link set lo up
  exec 3<"$dir"
  mount -t tmpfs -o mode=755 tmpfs /run
  case $dir in /run/*) mkdir -p "$dir"; mount --no-canonicalize --bind /proc/self/fd/3 "$dir" ;; esac
  exec 3<&-
  ln -s "$dir/docker.sock" /run/docker.sock # so that -v /var/run/docker.sock:… means this engine
  mount --bind "$dir/etc" /etc/docker
  if [ "$cgroup2" ]; then umount --recursive /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; fi
  exec dockerd --data-root "$dir/data" --pidfile "$dir/docker.pid" --host "unix://$dir/docker.sock" \
    --exec-opt native.cgroupdriver=cgroupfs "$@"'

up() {
  need_root up
  check_socket_length
  install_missing dockerd=docker.io iptables=iptables ip=iproute2 python3=python3
  install_missing docker=docker-cli # a package of its own from trixie on
  mkdir -p "$dir/etc" /etc/docker
  exec 9>"$dir/lock"
  flock 9
  if daemon >/dev/null && answers; then return; fi
  end_processes
  [[ -z $cgroup2 || ! -d $unified ]] || cat "$unified/cgroup.subtree_control" >"$dir/subtree_control"
  start_daemon dockerd "$enter" "$cgroup2" "$@"
}

down() {
  [[ -d $dir/etc ]] || return 0
  need_root down
  exec 9>"$dir/lock"
  flock 9
  end_processes
  rm -rf "$dir/examples" # who of examples/ used it
}

# --- base images ------------------------------------------------------------------------------

# The hash of what makes an image is its cache key, so these functions are all that makes one.

debian_rootfs() {
  unshare --mount debootstrap --variant=minbase \
    --include="python3,python3-venv,ca-certificates${with:+,$with}" "$suite" "$1" "$(debian_mirror)"
  rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* \
    "$1"/usr/share/{man,info,locale,lintian}/* "$1"/tmp/*
  find "$1/usr/share/doc" ! -type d ! -name copyright -delete
  find "$1/usr/share/doc" -type d -empty -delete
}

busybox_rootfs() {
  mkdir -p "$1"/{bin,dev,etc,proc,root,sys,tmp,var}
  chmod 1777 "$1/tmp"
  (cd "$1/tmp" && apt_get download busybox-static && dpkg-deb --extract ./*.deb . && mv bin/busybox ../bin)
  rm -rf "$1"/tmp/*
  chroot "$1" /bin/busybox --install -s /bin
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\n' >"$1/etc/group"
}

recipe() {
  { printf '%s ' "$name" && dpkg --print-architecture && declare -f "$1"; } | sha256sum | cut -c 1-16
}

# In a subshell of its own, which ends at the first step that fails: no half image is ever kept.
archive() (
  kind=$1 file=$2
  umask 022 # an image's files are for all its users
  work=$(mktemp -d "$cache/build.XXXXXX")
  log=$work/log
  trap '(($? == 0)) || tail -n 20 "$log" >&2; rm -rf "$work"' EXIT
  mkdir "$work/rootfs"
  "$kind" "$work/rootfs" >"$log" 2>&1
  tar --directory "$work/rootfs" --numeric-owner --one-file-system --create --file "$work/tar" .
  rm -f "$cache/$name"-*.tar
  mv "$work/tar" "$file"
)

base_image() {
  local kind=debian_rootfs command=python3 duration='about a minute' name image key file cache
  if [[ $suite == busybox ]]; then kind=busybox_rootfs command=sh duration='a few seconds'; fi
  name=${with:+$with.}$suite image=selfinspect-base:$suite${with:+-$with} key=$(recipe "$kind")
  [[ -n $explicit_dir || -z ${DOCKER_HOST:-} ]] && export DOCKER_HOST=unix://$socket
  docker version >/dev/null 2>&1 || fail "no engine answers at $DOCKER_HOST: start one with local-engine.sh up"
  if [[ $(docker image inspect --format '{{index .Config.Labels "selfinspect.recipe"}}' "$image" 2>/dev/null) != "$key" ]]; then
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/selfinspect
    mkdir -p "$cache"
    file=$cache/$name-$key.tar
    exec 8>"$cache/lock"
    flock 8
    if [[ ! -f $file ]]; then
      need_root "building $image"
      [[ $suite == busybox ]] || install_missing debootstrap=debootstrap
      say "building $image from Debian packages ($duration)"
      archive "$kind" "$file"
    fi
    exec 8>&-
    say "importing $image"
    docker import --change "CMD [\"$command\"]" --change "LABEL selfinspect.recipe=$key" "$file" "$image" >/dev/null
  fi
  printf '%s\n' "$image"
}

# --- command line -----------------------------------------------------------------------------

(($#)) || bad_usage "a command is missing"
command=$1
shift
dir=${XDG_STATE_HOME:-/var/lib}/selfinspect-engine
suite=bookworm
with=
explicit_dir=
cgroup2=
while (($#)); do
  case $1 in
    --dir | --suite | --with) [[ ${2:-} ]] || bad_usage "$1 takes a value" ;;&
    --dir) dir=$2 explicit_dir=yes && shift 2 ;;
    --suite) suite=$2 && shift 2 ;;
    --with) with=$2 && shift 2 ;;
    --cgroup2) cgroup2=yes && shift ;;
    --busybox) suite=busybox && shift ;;
    --) shift && break ;;
    *) bad_usage "unknown option: $1" ;;
  esac
done
dir=$(realpath --canonicalize-missing -- "$dir")
socket=$dir/docker.sock

case $command in
  up) up "$@" ;;
  down) down ;;
  env) printf 'export DOCKER_HOST=%q\n' "unix://$socket" ;;
  base-image) base_image ;;
  help | -h | --help) usage ;;
  *) bad_usage "unknown command: $command" ;;
esac
