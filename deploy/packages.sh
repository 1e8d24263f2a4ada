# shellcheck shell=bash
# Installs Debian packages that are missing; sourced by the scripts that need some.

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }
fail() { say "$1"; exit "${2:-1}"; }

# Each argument is a command and the package that brings it.
install_missing() {
  local pair missing=()
  for pair in "$@"; do
    command -v "${pair%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]} (a minute or so)"
  without_services apt_get install --yes --no-install-recommends "${missing[@]}"
}

# The package lists of a fresh machine are empty, those of an old one name files that are gone; one
# that has just started may be updating itself, and holds dpkg's lock while it does.
apt_get() {
  local log apt=(env DEBIAN_FRONTEND=noninteractive apt-get --quiet --option DPkg::Lock::Timeout=300)
  log=$(mktemp)
  if "${apt[@]}" "$@" >"$log" 2>&1 ||
    { say "refreshing the package lists" && "${apt[@]}" update >"$log" 2>&1 &&
      "${apt[@]}" "$@" >"$log" 2>&1; }; then
    rm -f "$log"
  else
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get $1 failed"
  fi
}

# Debian starts a service when its package is installed, unless this file says no.
without_services() (
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  "$@"
)

# Empty where apt knows of no Debian archive: debootstrap has a default.
debian_mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Identifier: Packages' 2>/dev/null |
    sed -n 's,^Debian \(https\?://.*\),\1,p;T;q'
}
