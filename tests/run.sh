#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/packages.sh
source deploy/packages.sh

usage() {
  cat <<'TEXT'
usage: tests/run.sh [--full] [PYTEST-ARGUMENT...]

Installs what the tests need, as root, from Debian and pip, and runs lint, types, import contracts and pytest.
--full  the slow ones too (other engines, a machine with cgroup v2, other languages), and coverage
Whatever else is given goes to pytest: tests/run.sh tests/unit -k cgroup
TEXT
}

marks='not slow and not benchmark' for_slow=() coverage=()
case ${1:-} in
  -h | --help) usage && exit ;;
  --full)
    marks='not benchmark' for_slow=(qemu-system-x86_64=qemu-system-x86 depmod=kmod)
    coverage=(--cov --cov-report=term)
    shift
    ;;
esac
((EUID == 0)) || fail 'needs root: the tests run real engines in namespaces of their own'

say 'packages'
install_missing dockerd=docker.io iptables=iptables ip=iproute2 debootstrap=debootstrap \
  prometheus=prometheus shellcheck=shellcheck haproxy=haproxy nginx=nginx-light openssl=openssl curl=curl \
  chromium=chromium \
  docker-compose=docker-compose systemd-analyze=systemd \
  tini=tini dumb-init=dumb-init \
  "${for_slow[@]}"
# Debian's Python keeps this in a package of its own; other builds bring it along.
python3 -c 'import ensurepip' 2>/dev/null ||
  apt_get install --yes --no-install-recommends python3-venv

venv=.venv
pins=$(sha256sum tests/constraints.txt pyproject.toml)
if [[ ! -f $venv/.complete || $(<"$venv/.complete") != "$pins" ]]; then
  say 'Python environment'
  python3 -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --require-hashes --requirement tests/constraints.txt
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --no-build-isolation --editable .
  printf '%s\n' "$pins" >"$venv/.complete"
fi
export PATH=$PWD/$venv/bin:$PATH

say 'lint'
shellcheck --external-sources deploy/*.sh deploy/*/*.sh tests/*.sh tests/*/*.sh examples/*.sh examples/*/*.sh
ruff check --quiet .
ruff format --quiet --check .
say 'types'
mypy
say 'import contracts'
lint-imports | tail -n 3
say 'tests'
# Tests wait for engines more than they compute: one worker more than a small machine has processors.
exec pytest --numprocesses 3 --dist loadfile "${coverage[@]}" -m "$marks" "$@"
