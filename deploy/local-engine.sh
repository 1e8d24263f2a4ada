#!/usr/bin/env bash
# A private Docker engine for a machine that has none, and base images without a registry.
set -euo pipefail
# shellcheck source=deploy/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

usage() {
  cat <<'TEXT'
usage: local-engine.sh up [--dir D] [-- DOCKERD-OPTION...]
       local-engine.sh down [--dir D]
       local-engine.sh env [--dir D]
       local-engine.sh base-image [--dir D] [--suite S | --busybox]

up          start dockerd in mount and network namespaces of its own, unless it is up already
down        end everything that `up` started; images and stopped containers stay in D
env         print the line that points a docker client to the engine: eval "$(local-engine.sh env)"
base-image  build an image from Debian packages, import it and print its name:
            selfinspect-base:S with python3, or selfinspect-base:busybox

--dir D     where the engine lives (default: ${XDG_STATE_HOME:-/var/lib}/selfinspect-engine);
            base-image without it takes the engine of DOCKER_HOST when that is set
--suite S   the Debian release of the base image (default: bookworm)

Several engines with different folders can be up at once. The engine's network has no way out:
images come by import or load, and a published port is reached from inside of it:
  nsenter --net --target "$(cat D/docker.pid)" curl http://127.0.0.1:PORT/
TEXT
}

bad_usage() { say "$1"; usage >&2; exit 2; }

need_root() { ((EUID == 0)) || fail "$1 needs root"; }

# --- the engine -------------------------------------------------------------------------------

check_socket_length() {
  local LC_ALL=C longest=107 # sockaddr_un holds 108 bytes, the last of them NUL
  ((${#socket} <= longest)) ||
    fail "the socket's path has ${#socket} bytes, a Unix socket takes $longest: choose a shorter --dir: $socket" 2
}

answers() {
  python3 - "$socket" 2>/dev/null <<'PYTHON'
import socket, sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(2)
    connection.connect(sys.argv[1])
    connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
    sys.exit(b" 200 " not in connection.recv(64))
PYTHON
}

# dockerd, containerd, the shims and the proxies inherit this variable, containers do not.
mark() { printf 'SELFINSPECT_ENGINE=%s' "$dir"; }

marked() { grep -lzxsF -- "$(mark)" "$@" | cut -d/ -f3; }

container_ids() { [[ ! -d $dir/data/containers ]] || ls "$dir/data/containers"; }

container_processes() { grep -lsFf <(container_ids) /proc/[0-9]*/cgroup | cut -d/ -f3 || true; }

processes() { { marked /proc/[0-9]*/environ; container_processes; } | sort -u || true; }

daemon() {
  [[ -s $dir/docker.pid ]] && marked "/proc/$(<"$dir/docker.pid")/environ"
}

# Run in the new namespaces; becomes dockerd. Sockets and locks below /run and the settings below
# /etc/docker would otherwise be shared with the machine's own engine and with other private ones.
# shellcheck disable=SC2016 # expanded by the inner shell
readonly enter='
  set -e
  dir=$1; shift
  readlink /proc/self/ns/mnt >"$dir/namespace"
  ip link set lo up
  exec 3<"$dir"
  mount -t tmpfs -o mode=755 tmpfs /run
  case $dir in /run/*) mkdir -p "$dir"; mount --no-canonicalize --bind /proc/self/fd/3 "$dir" ;; esac
  exec 3<&-
  ln -s "$dir/docker.sock" /run/docker.sock # so that -v /var/run/docker.sock:… means this engine
  mount --bind "$dir/etc" /etc/docker
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
  say "starting dockerd in $dir"
  env "$(mark)" setsid unshare --net --mount bash -c "$enter" dockerd "$dir" "$@" \
    </dev/null >"$dir/dockerd.log" 2>&1 9>&- &
  local pid=$! deadline=$((SECONDS + 60))
  until answers; do
    if ! kill -0 "$pid" 2>/dev/null || ((SECONDS > deadline)); then
      tail -n 20 "$dir/dockerd.log" >&2
      end_processes
      fail "dockerd did not come up; the whole log is $dir/dockerd.log"
    fi
    sleep 0.1
  done
}

down() {
  need_root down
  [[ -d $dir/etc ]] || return 0
  exec 9>"$dir/lock"
  flock 9
  end_processes
}

end_processes() {
  local pid
  if pid=$(daemon); then
    say "stopping dockerd and its containers"
    kill "$pid" 2>/dev/null || true
    # dockerd gives each container ten seconds, which a PID 1 without a handler always uses up.
    within 3 has_ended "$pid" || { kill_all container_processes; within 10 has_ended "$pid" || true; }
  fi
  kill_all processes
  within 10 namespace_is_empty || say "the kernel is still busy with the engine's mounts"
  remove_cgroups
  rm -f "$dir/docker.sock" "$dir/docker.pid" "$dir/namespace"
}

within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

has_ended() { [[ -z $(marked "/proc/$1/environ") ]]; }

# A process that is ending has no environment any more, but holds on to the mounts for a moment.
namespace_is_empty() {
  [[ ! -s $dir/namespace || $(readlink /proc/[0-9]*/ns/mnt) != *"$(<"$dir/namespace")"* ]]
}

kill_all() {
  within 10 none_left "$1" || fail "these processes do not end: $("$1" | tr '\n' ' ')"
}

none_left() {
  local pids
  pids=$("$1")
  [[ -n $pids ]] || return 0
  # shellcheck disable=SC2086 # one PID a line
  kill -KILL $pids 2>/dev/null || true
  return 1
}

# A shim that was killed has left its container's groups behind. /docker is the parent of every
# engine's containers: it goes with the last.
remove_cgroups() {
  local id parent
  for parent in /sys/fs/cgroup/docker /sys/fs/cgroup/*/docker; do
    [[ -d $parent ]] || continue
    while read -r id; do
      [[ ! -d $parent/$id ]] || find "$parent/$id" -depth -type d -exec rmdir {} \;
    done < <(container_ids)
    rmdir "$parent" 2>/dev/null || true
  done
}

# --- base images ------------------------------------------------------------------------------

# The hash of what makes an image is its cache key, so these functions are all that makes one.

debian_rootfs() {
  unshare --mount debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
    "$suite" "$1" "$(debian_mirror)"
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
  { printf '%s ' "$suite" && dpkg --print-architecture && declare -f "$1"; } | sha256sum | cut -c 1-16
}

# Empty where apt knows of no Debian archive: debootstrap has a default.
debian_mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Identifier: Packages' 2>/dev/null |
    sed -n 's,^Debian \(https\?://.*\),\1,p;T;q'
}

# In a subshell of its own, which ends at the first step that fails: no half image is ever kept.
archive() (
  kind=$1 file=$2
  work=$(mktemp -d "$cache/build.XXXXXX")
  log=$work/log
  trap '(($? == 0)) || tail -n 20 "$log" >&2; rm -rf "$work"' EXIT
  mkdir "$work/rootfs"
  "$kind" "$work/rootfs" >"$log" 2>&1
  tar --directory "$work/rootfs" --numeric-owner --one-file-system --create --file "$work/tar" .
  rm -f "$cache/$suite"-*.tar
  mv "$work/tar" "$file"
)

base_image() {
  local kind=debian_rootfs command=python3 duration='about a minute' image key file cache
  if [[ $suite == busybox ]]; then kind=busybox_rootfs command=sh duration='a few seconds'; fi
  image=selfinspect-base:$suite key=$(recipe "$kind")
  [[ -n $explicit_dir || -z ${DOCKER_HOST:-} ]] && export DOCKER_HOST=unix://$socket
  docker version >/dev/null 2>&1 || fail "no engine answers at $DOCKER_HOST: start one with local-engine.sh up"
  if [[ $(docker image inspect --format '{{index .Config.Labels "selfinspect.recipe"}}' "$image" 2>/dev/null) != "$key" ]]; then
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/selfinspect
    mkdir -p "$cache"
    file=$cache/$suite-$key.tar
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
explicit_dir=
while (($#)); do
  case $1 in
    --dir) dir=${2:?--dir takes a folder} explicit_dir=yes && shift 2 ;;
    --suite) suite=${2:?--suite takes the name of a Debian release} && shift 2 ;;
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
