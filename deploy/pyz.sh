#!/usr/bin/env bash
# Build selfinspect.pyz: the agent and all it needs in one file, for any CPython from 3.11 on,
# whatever the C library and the CPU. It unpacks nothing, so it runs from a read-only image too. The
# same sources give the same bytes, whoever builds them, where and when.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC PYTHONHASHSEED=0
umask 022
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:-dist/selfinspect.pyz}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

deploy/wheelhouse.sh
python3 -m pip install --quiet --disable-pip-version-check --target "$tree" --no-compile --no-index \
  --find-links wheelhouse --no-deps --require-hashes --requirement deploy/constraints.txt
cp -r selfinspect "$tree"
find "$tree" -name __pycache__ -prune -exec rm -rf {} +
rm -rf "${tree:?}/bin"

# certifi would unpack its authorities to a temporary folder. Nothing of ours trusts them: the
# engine's come from DOCKER_CERT_PATH.
rm -rf "$tree/certifi"
mkdir "$tree/certifi"
cat >"$tree/certifi/__init__.py" <<'PYTHON'
def where() -> str:
    return "/etc/ssl/certs/ca-certificates.crt"
PYTHON
cp deploy/pyz_main.py "$tree/__main__.py"

# The sources, for any Python, and for the one that builds the bytecode of what the agent loads at
# its start. Docstrings are kept where the command line's help is made of them.
python3 -I - "$tree" <<'PYTHON'
import py_compile, sys

tree = sys.argv[1]
sys.path.insert(0, tree)
import selfinspect.agent.process, selfinspect.cli.options

for module in list(sys.modules.values()):
    file = getattr(module, "__file__", None) or ""
    if file.startswith(tree):
        py_compile.compile(
            file,
            f"{file}c",
            file.removeprefix(tree),
            doraise=True,
            optimize=0 if "/selfinspect/" in file else 2,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
PYTHON
find "$tree" -name __pycache__ -prune -exec rm -rf {} +
chmod -R u=rwX,go=rX "$tree"
find "$tree" -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH:-315532800}" {} +

mkdir -p "$(dirname "$out")"
# `zipapp` takes the files in the order of their folders, which is the file system's.
python3 -I - "$tree" "$out" <<'PYTHON'
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

tree = Path(sys.argv[1])
with open(sys.argv[2], "wb") as file:
    file.write(b"#!/usr/bin/env python3\n")
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for path in sorted(tree.rglob("*")):
            archive.write(path, path.relative_to(tree))
PYTHON
chmod 755 "$out" # for every user, not for its owner alone
printf '%s: %s bytes\n' "$out" "$(stat -c %s "$out")" >&2
