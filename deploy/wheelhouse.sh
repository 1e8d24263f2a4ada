#!/usr/bin/env bash
# Fill wheelhouse/ with the pinned wheels, from which the image builds without network.
# Only pure Python ones, so that one set runs on any C library and CPU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins=(deploy/constraints.txt deploy/build-constraints.txt)
stamp=wheelhouse/.complete
key=$(cat "${pins[@]}" | sha256sum)
if [[ -f $stamp && $(<"$stamp") == "$key" ]]; then
  exit
fi

echo 'wheelhouse: downloading the pinned wheels' >&2
mkdir -p wheelhouse
rm -f wheelhouse/*.whl "$stamp"
python3 -m pip download --quiet --disable-pip-version-check --dest wheelhouse --require-hashes --no-deps \
  --only-binary :all: --implementation py --abi none --platform any "${pins[@]/#/--requirement=}"
printf '%s\n' "$key" >"$stamp"
