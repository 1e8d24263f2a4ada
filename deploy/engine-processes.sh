# shellcheck shell=bash disable=SC2154
# Starts an engine in namespaces of its own and ends everything that came of it; sourced by the
# scripts that do, which set `dir`, the engine's folder, and `socket`, its socket in that folder.

need_root() { ((EUID == 0)) || fail "$1 needs root"; }

check_socket_length() {
  local LC_ALL=C longest=107 # sockaddr_un holds 108 bytes, the last of them NUL
  ((${#socket} <= longest)) ||
    fail "the socket's path has ${#socket} bytes, a Unix socket takes $longest: choose a shorter --dir: $socket" 2
}

# Run a script in mount and network namespaces of its own, where it becomes the daemon.
start_daemon() {
  local name=$1 script=$2 pid deadline=$((SECONDS + 60))
  shift 2
  say "starting $name in $dir"
  env "$(mark)" setsid unshare --net --mount bash -c "$script" "$name" "$dir" "$@" \
    </dev/null >"$dir/$name.log" 2>&1 9>&- &
  pid=$!
  until answers; do
    if ! kill -0 "$pid" 2>/dev/null || ((SECONDS > deadline)); then
      tail -n 20 "$dir/$name.log" >&2
      end_processes
      fail "$name did not come up; the whole log is $dir/$name.log"
    fi
    sleep 0.1
  done
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

# The daemon, containerd, the shims and the proxies inherit this variable, containers do not.
mark() { printf 'SELFINSPECT_ENGINE=%s' "$dir"; }

marked() { grep -lzxsF -- "$(mark)" "$@" | cut -d/ -f3; }

container_ids() {
  find "$dir"/data/{containers,overlay-containers,vfs-containers} -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null || true
}

container_processes() { grep -lsFf <(container_ids) /proc/[0-9]*/cgroup | cut -d/ -f3 || true; }

# Podman's monitor of an exec has an environment of its own, and outlives the exec by minutes.
monitors() {
  grep -lzxsF -- "$dir/data" /proc/[0-9]*/cmdline | sed 's,cmdline$,comm,' |
    xargs -r grep -lxs conmon | cut -d/ -f3 || true
}

# A rootless engine on cgroup v1 gives its containers no cgroup: their mounts are named by the ID.
mounting() { grep -lsFf <(container_ids) /proc/[0-9]*/mountinfo | cut -d/ -f3 || true; }

processes() { { marked /proc/[0-9]*/environ; container_processes; mounting; monitors; } | sort -u || true; }

daemon() {
  [[ -s $dir/docker.pid ]] && marked "/proc/$(<"$dir/docker.pid")/environ"
}

end_processes() {
  local pid
  if pid=$(daemon); then
    say "stopping $(<"/proc/$pid/comm") and its containers"
    kill "$pid" 2>/dev/null || true
    # dockerd gives each container ten seconds, which a PID 1 without a handler always uses up.
    within 3 has_ended "$pid" || { kill_all container_processes; within 10 has_ended "$pid" || true; }
  fi
  kill_all processes
  within 10 namespace_is_empty || say "the kernel is still busy with the engine's mounts"
  remove_cgroups
  restore_subtree_control
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
  within 60 none_left "$1" || fail "these processes do not end: $("$1" | tr '\n' ' ')"
}

none_left() {
  local pids
  pids=$("$1")
  [[ -n $pids ]] || return 0
  # shellcheck disable=SC2086 # one PID a line
  kill -KILL $pids 2>/dev/null || true
  return 1
}

# A shim that was killed has left its container's groups behind. The parent of every engine's
# containers goes with the last of them.
remove_cgroups() {
  local id parent
  for parent in /sys/fs/cgroup/{,*/}{docker,libpod_parent}; do
    [[ -d $parent ]] || continue
    while read -r id; do
      # Those of other engines come and go meanwhile.
      find "$parent" -depth -type d -path "*$id*" -exec rmdir {} \; 2>/dev/null || true
    done < <(container_ids)
    rmdir "$parent/conmon" "$parent" 2>/dev/null || true
  done
}

# The one setting of the machine's that an engine on cgroup v2 changes; a parent's can be withdrawn
# once its children's is.
readonly unified=/sys/fs/cgroup/unified

restore_subtree_control() {
  local controller group
  [[ -f $dir/subtree_control && -f $unified/cgroup.subtree_control ]] || return 0
  for controller in $(<"$unified/cgroup.subtree_control"); do
    grep -qw "$controller" "$dir/subtree_control" ||
      for group in "$unified/docker" "$unified"; do
        [[ ! -d $group ]] || echo "-$controller" 2>/dev/null >"$group/cgroup.subtree_control" || true
      done
  done
  rm "$dir/subtree_control"
}
