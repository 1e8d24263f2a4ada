#!/usr/bin/env bash
# Other engines than the machine's own: Docker and Podman as other releases of Debian have them.
set -euo pipefail
deploy=$(realpath -- "$(dirname "${BASH_SOURCE[0]}")/../../deploy")
# shellcheck source=deploy/packages.sh
source "$deploy/packages.sh"
# shellcheck source=deploy/engine-processes.sh
source "$deploy/engine-processes.sh"

usage() {
  cat <<'TEXT'
usage: lab.sh up ENGINE --dir D
       lab.sh down --dir D

up      start ENGINE with its socket at D/docker.sock, unless it is up already. ENGINE is
        docker-trixie, docker-sid, docker-sid-containerd (it keeps images in containerd's store),
        docker-bookworm-rootless, podman-bookworm, podman-sid or podman-bookworm-rootless
down    end it and all its containers; images stay in D

A rootless engine is that of a user of the release, who has subordinate IDs from 100000 on; D and
what is in it are of that user's number, 52000.

The release's packages are unpacked once below ${XDG_CACHE_HOME:-~/.cache}/selfinspect (a minute or
two). What an engine writes outside of D is in memory and goes with it.
TEXT
}

bad_usage() { say "$1"; usage >&2; exit 2; }

readonly docker_packages=docker.io,docker-cli,containerd,runc,iptables,iproute2,procps
readonly podman_packages=podman,crun,conmon,netavark,aardvark-dns,iptables,nftables,iproute2,procps
readonly rootless_packages=slirp4netns,uidmap

# In a folder that gets its name only once it is whole.
release() {
  local suite=$1 packages=$2 cache=${XDG_CACHE_HOME:-$HOME/.cache}/selfinspect work
  root=$cache/engine-$suite-$(sha256sum <<<"$packages" | cut -c 1-8)
  mkdir -p "$cache"
  exec 8>"$cache/lock-$suite"
  flock 8
  if [[ ! -d $root ]]; then
    install_missing debootstrap=debootstrap
    say "unpacking ${packages//,/, } of $suite (a minute or two)"
    work=$(mktemp -d "$cache/build.XXXXXX")
    if ! unshare --mount debootstrap --variant=minbase --include="$packages" "$suite" \
      "$work/root" "$(debian_mirror)" >"$work/log" 2>&1; then
      tail -n 20 "$work/log" >&2
      rm -rf "$work"
      fail "debootstrap failed"
    fi
    rm -rf "$work"/root/var/cache/apt/*
    mv "$work/root" "$root"
    rm -rf "$work"
  fi
  exec 8>&-
}

# Run in the new namespaces; enters the release and becomes the daemon. The release is read by
# several engines at once: what this one writes there is laid over it, in memory. The engine's
# folder has the same path inside, so that it can be mounted in containers.
# shellcheck disable=SC2016 # expanded by the inner shell
readonly enter='
  set -e
  dir=$1 root=$2 product=$3 variant=$4
  readlink /proc/self/ns/mnt >"$dir/namespace"
  ip link set lo up
  exec 3<"$dir"
  mount -t tmpfs tmpfs /mnt
  cd /mnt
  mkdir upper work new
  mount -t overlay -o "lowerdir=$root,upperdir=upper,workdir=work" overlay new
  for shared in dev sys; do mount --rbind "/$shared" "new/$shared"; done
  mount -t proc proc new/proc
  mount -t tmpfs -o mode=755 tmpfs new/run
  mkdir -p "new$dir"
  mount --no-canonicalize --bind /proc/self/fd/3 "new$dir"
  exec 3<&-
  cd new
  mkdir old
  pivot_root . old
  cd /
  umount --lazy /old
  ln -s "$dir/docker.sock" /run/docker.sock # so that -v /var/run/docker.sock:… means this engine
  export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
  as_user=
  if [ "$variant" = rootless ]; then
    useradd --uid 52000 --create-home person
    export HOME=/home/person XDG_RUNTIME_DIR=/run/user/52000
    mkdir -p "$XDG_RUNTIME_DIR" "$dir/data"
    chown person: "$XDG_RUNTIME_DIR" "$dir" "$dir/data"
    as_user="setpriv --reuid person --regid person --init-groups"
  fi
  if [ "$product" = docker ]; then
    set -- --data-root "$dir/data" --pidfile "$dir/docker.pid" --host "unix://$dir/docker.sock"
    if [ "$variant" = rootless ]; then
      exec $as_user /usr/share/docker.io/contrib/dockerd-rootless.sh "$@"
    fi
    if [ "$variant" = containerd ]; then set -- "$@" --feature containerd-snapshotter; fi
    exec dockerd "$@" --exec-opt native.cgroupdriver=cgroupfs
  fi
  # crun refuses a machine with both versions of cgroups; and on a v2 that it shared with the
  # machine Podman would move every process there is.
  if mountpoint --quiet /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
  if grep -q " - cgroup2 " /proc/self/mountinfo; then echo "this machine has cgroup v2 alone"; exit 1; fi
  mkdir -p /etc/containers
  echo "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}" >/etc/containers/policy.json
  echo $$ >"$dir/docker.pid"
  run=${XDG_RUNTIME_DIR:-/run}
  shift 4
  if [ "$variant" = rootless ]; then set -- --storage-driver overlay; fi # else it copies each image
  exec $as_user podman "$@" --root "$dir/data" --runroot "$run/containers" --tmpdir "$run/libpod" \
    --cgroup-manager cgroupfs --events-backend file --network-config-dir "$dir/networks" \
    system service --time=0 "unix://$dir/docker.sock"'

up() {
  need_root up
  check_socket_length
  install_missing ip=iproute2 python3=python3 docker=docker.io
  local product suite variant
  IFS=- read -r product suite variant <<<"$engine"
  case $engine in
    docker-trixie | docker-sid | docker-sid-containerd) release "$suite" "$docker_packages" ;;
    podman-bookworm | podman-sid) release "$suite" "$podman_packages" ;;
    # There the client is in docker.io.
    docker-bookworm-rootless)
      release "$suite" "${docker_packages/docker-cli/rootlesskit},$rootless_packages" ;;
    podman-bookworm-rootless) release "$suite" "$podman_packages,$rootless_packages" ;;
    *) bad_usage "unknown engine: $engine" ;;
  esac
  mkdir -p "$dir"
  exec 9>"$dir/lock"
  flock 9
  if daemon >/dev/null && answers; then return; fi
  end_processes
  start_daemon "$engine" "$enter" "$root" "$product" "$variant"
  chmod 660 "$socket" # as the socket unit of either has it; Podman itself gives its owner alone
}

down() {
  need_root down
  [[ -d $dir ]] || return 0
  exec 9>"$dir/lock"
  flock 9
  end_processes
}

(($#)) || bad_usage "a command is missing"
command=$1 engine='' dir=''
shift
while (($#)); do
  case $1 in
    --dir) dir=${2:?--dir takes a folder} && shift 2 ;;
    -*) bad_usage "unknown option: $1" ;;
    *) engine=$1 && shift ;;
  esac
done
[[ $dir ]] || bad_usage "--dir is missing"
dir=$(realpath --canonicalize-missing -- "$dir")
socket=$dir/docker.sock

case $command in
  up) up ;;
  down) down ;;
  *) bad_usage "unknown command: $command" ;;
esac
