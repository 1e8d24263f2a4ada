#!/usr/bin/env bash
# A machine with cgroup v2 alone and a Docker engine, emulated: it needs neither KVM nor an image.
set -euo pipefail
deploy=$(realpath -- "$(dirname "${BASH_SOURCE[0]}")/../../deploy")
# shellcheck source=deploy/packages.sh
source "$deploy/packages.sh"

usage() {
  cat <<'TEXT'
usage: guest.sh SCENARIO RESULT [FILE...]

Boots the guest, runs the script SCENARIO in it with the FILEs beside it, and ends it. What the
script wrote to its working folder lies in the folder RESULT then, with the guest's console and
the engine's log. The exit code is the script's, or 124 when the guest took over half an hour.

The guest's disk is built once below ${XDG_CACHE_HOME:-~/.cache}/selfinspect (a minute or so); what
a guest writes to it goes with the guest.
TEXT
}

readonly suite=trixie patience=1800
readonly packages=docker.io,docker-cli,containerd,runc,iptables,iproute2,procps,curl,kmod

# --- the disk ---------------------------------------------------------------------------------

# Becomes PID 1. The scenario and its files come on a second disk, results leave on a third.
# shellcheck disable=SC2016 # expanded in the guest
readonly init='#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
for folder in /run /tmp; do mount -t tmpfs tmpfs $folder; done
ip link set lo up
hostname guest
mkdir -p /run/in /run/out
cd /run/out
tar -xf /dev/nvme0n2 -C /run/in
dockerd --exec-opt native.cgroupdriver=cgroupfs >engine.log 2>&1 &
until docker version >/dev/null 2>&1 || ! kill -0 $!; do sleep 0.2; done
/run/in/scenario >scenario.log 2>&1
echo $? >exit-code
tar -cf /dev/nvme0n3 .
sync
echo b >/proc/sysrq-trigger
'

build() {
  local root=$1/root kernel
  unshare --mount debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$(debian_mirror)"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,info,locale}/*
  kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-\)/\1/p;T;q')
  (cd "$1" && apt_get download "$kernel")
  dpkg-deb --extract "$1/$kernel"_*.deb "$1/kernel"
  cp -a "$1/kernel/lib/modules" "$root/usr/lib"
  depmod --basedir "$root" "${kernel#linux-image-}"
  cp "$1"/kernel/boot/vmlinuz-* "$1/disk/vmlinuz"
  printf '%s' "$init" >"$root/init"
  chmod +x "$root/init"
  mke2fs -q -t ext4 -d "$root" "$1/disk/system.img" 3G
}

# In a folder that gets its name only once it is whole.
prepare() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/selfinspect key work
  key=$({ printf '%s' "$suite $packages $init" && declare -f build; } | sha256sum | cut -c 1-8)
  disk=$cache/guest-$suite-$key
  mkdir -p "$cache"
  exec 8>"$cache/lock-guest"
  flock 8
  if [[ ! -d $disk ]]; then
    install_missing debootstrap=debootstrap depmod=kmod mke2fs=e2fsprogs
    [[ -n $(apt-cache search --names-only '^linux-image-cloud-amd64$') ]] || apt_get update
    say "building the guest's disk from Debian packages (a minute or so)"
    work=$(mktemp -d "$cache/build.XXXXXX")
    mkdir "$work/disk"
    # In a shell of its own: within a condition the first failing step would not end it.
    if bash -c "set -euo pipefail; $(declare -f); $(declare -p suite packages init); build $work" \
      guest >"$work/log" 2>&1; then
      rm -rf "$cache/guest-$suite"-*
      mv "$work/disk" "$disk"
      rm -rf "$work"
    else
      tail -n 20 "$work/log" >&2
      rm -rf "$work"
      fail 'building the disk failed'
    fi
  fi
  exec 8>&-
}

# --- the guest --------------------------------------------------------------------------------

# The disks are namespaces of one NVMe controller, whose driver Debian's cloud kernel has built in:
# so there is no initrd, and their names are certain.
boot() {
  # Memory would come and go by 2 MiB with huge pages, too much for figures to be compared.
  local options='console=ttyS0 quiet panic=-1 root=/dev/nvme0n1 rw init=/init transparent_hugepage=never'
  local work=$1 number=0 name drives=()
  for name in "$disk/system.img,snapshot=on" "$work/in.tar" "$work/out.tar"; do
    number=$((number + 1))
    drives+=(-drive "file=$name,format=raw,if=none,cache=unsafe,id=d$number"
      -device "nvme-ns,drive=d$number,nsid=$number")
  done
  TMPDIR=$work nice -n 5 timeout --kill-after=5 "$patience" qemu-system-x86_64 \
    -accel tcg,thread=multi -smp 2 -m 3072 -nodefaults -nic none -display none -no-reboot \
    -serial "file:$work/console.log" -device nvme,serial=guest "${drives[@]}" \
    -kernel "$disk/vmlinuz" -append "$options" &
  qemu=$!
  wait "$qemu"
}

run() {
  local scenario=$1 result=$2 file code=0
  shift 2
  work=$(mktemp -d)
  qemu=
  trap '[[ -z $qemu ]] || kill "$qemu" 2>/dev/null || true; rm -rf "$work"' EXIT
  install -m 755 "$scenario" "$work/scenario"
  tar -cf "$work/in.tar" -C "$work" scenario
  for file in "$@"; do tar -rf "$work/in.tar" -C "$(dirname "$file")" "$(basename "$file")"; done
  truncate --size 64M "$work/out.tar"
  boot "$work" || code=$?
  qemu=
  mkdir -p "$result"
  cp "$work/console.log" "$result"
  if ((code)) || ! tar -xf "$work/out.tar" -C "$result" || [[ ! -s $result/exit-code ]]; then
    tail -n 20 "$result/console.log" >&2
    say "the guest ended too early; its console is $result/console.log"
    return $((code ? code : 1))
  fi
  code=$(<"$result/exit-code")
  ((code == 0)) || tail -n 20 "$result/scenario.log" >&2
  return "$code"
}

if (($# < 2)); then usage >&2; exit 2; fi
((EUID == 0)) || fail 'needs root'
install_missing qemu-system-x86_64=qemu-system-x86
prepare
run "$@"
