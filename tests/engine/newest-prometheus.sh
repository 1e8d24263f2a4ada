#!/usr/bin/env bash
# Unpacks the Prometheus of Debian's unstable release, once, and prints where its program is.
set -euo pipefail
# shellcheck source=deploy/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/packages.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/selfinspect
root=$cache/prometheus-sid
mkdir -p "$cache"
exec 8>"$cache/lock-prometheus-sid"
flock 8
if [[ ! -d $root ]]; then
  say "unpacking the Prometheus of sid"
  work=$(mktemp -d "$cache/build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  echo "deb $(debian_mirror) sid main" >"$work/sources.list"
  # Lists and a cache of its own: the machine's apt is not to learn of that release.
  apt=(apt-get --quiet --quiet --option "Dir::Etc::SourceList=$work/sources.list"
    --option Dir::Etc::SourceParts=/dev/null --option "Dir::State::Lists=$work/lists"
    --option "Dir::Cache=$work/cache" --option Acquire::Check-Valid-Until=false
    --option Acquire::Languages=none --option APT::Sandbox::User=root)
  "${apt[@]}" update >&2
  (cd "$work" && "${apt[@]}" download prometheus >&2)
  dpkg-deb --extract "$work"/prometheus_*.deb "$work/root"
  mv "$work/root" "$root"
fi
echo "$root/usr/bin/prometheus"
