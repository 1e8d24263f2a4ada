#!/usr/bin/env bash
# What a release consists of; each step by itself, as the workflow takes it.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
umask 022
# shellcheck source=deploy/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

usage() {
  cat <<'TEXT'
usage: release.sh version
       release.sh wheel|pyz|image|standalone|sbom|checksums|publish FOLDER

version     print the version, as selfinspect/__init__.py has it; with TAG in the environment,
            fail unless that is v and the version
wheel       the wheel, for pip
pyz         the agent and all it needs in one file
image       the agent's image, for this machine's architecture, as `docker load` takes it
standalone  the same of the image with the folder that has a Python of its own
sbom        CycloneDX: every package that wheelhouse, image and pyz hold, with license and hash
checksums   SHA256SUMS of all the folder holds
publish     make the release TAG with all the folder holds, by GitHub's `gh`

The same commit gives the same wheel, pyz and SBOM, byte for byte. Images are built by the engine of
DOCKER_HOST, on PYTHON_IMAGE where that is set, else on what the Dockerfile names.
TEXT
}

case $# in
  1)
    case $1 in
      version) ;;
      -h | --help) usage && exit ;;
      *) usage >&2; exit 2 ;;
    esac
    ;;
  2) mkdir -p "$2" && out=$(realpath "$2") ;;
  *) usage >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' selfinspect/__init__.py)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# Arguments: the name, then what `docker build` takes. The label is given here and in no Dockerfile:
# the image of a checkout is of no version.
image() {
  local name=$1 file
  shift
  file=$out/$name-$version-linux-$(dpkg --print-architecture).tar.gz
  docker build --tag "$name:$version" --label "org.opencontainers.image.version=$version" \
    ${PYTHON_IMAGE:+--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE"} "$@" . >&2
  docker save "$name:$version" | gzip --no-name >"$file"
}

case $1 in
  version)
    [[ ${TAG:-v$version} == "v$version" ]] || fail "the tag $TAG is not v$version, which selfinspect/__init__.py has"
    echo "$version"
    ;;
  wheel)
    deploy/wheelhouse.sh
    python3 -m pip wheel --quiet --disable-pip-version-check --no-deps --no-index \
      --find-links wheelhouse --wheel-dir "$out" .
    ;;
  pyz) deploy/pyz.sh "$out/selfinspect-$version.pyz" ;;
  image) image selfinspect ;;
  standalone) image selfinspect-standalone --file deploy/standalone.Dockerfile ;;
  sbom)
    deploy/wheelhouse.sh
    python3 -I deploy/sbom.py "$version" >"$out/selfinspect-$version.cdx.json"
    ;;
  checksums)
    rm -f "$out/SHA256SUMS"
    sums=$(cd "$out" && sha256sum -- *)
    printf '%s\n' "$sums" >"$out/SHA256SUMS"
    ;;
  publish) gh release create "${TAG:?the tag to publish}" --verify-tag --notes-file CHANGELOG.md "$out"/* ;;
  *) usage >&2; exit 2 ;;
esac
