#!/usr/bin/env bash
# Build a folder with the agent, the Python that runs this script, and every library both need,
# the loader and the C library among them: for images that have no Python, or none new enough.
set -euo pipefail
shopt -s nullglob
umask 022
cd "$(dirname "${BASH_SOURCE[0]}")/.."

(($# == 2)) || {
  echo 'usage: standalone.sh FOLDER PATH: fill FOLDER, to be found at PATH in an image' >&2
  exit 2
}
out=$1 path=$2
real=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
read -r name stdlib extensions < <("$real" -c '
import sys, sysconfig
print(f"python{sys.version_info[0]}.{sys.version_info[1]}", sysconfig.get_path("stdlib"),
      sysconfig.get_config_var("DESTSHARED"))')

mkdir -p "$out/bin" "$out/lib/$name"
cp -L "$real" "$out/bin/python3"
tar --create --directory "$stdlib" --exclude-from - . <<'PATTERNS' | tar --extract --directory "$out/lib/$name"
__pycache__
config-*
dist-packages
distutils
ensurepip
idlelib
lib-dynload
lib2to3
pydoc_data
site-packages
sitecustomize.py
test
tests
tkinter
turtledemo
turtle.py
venv
PATTERNS
mkdir -p "$out/lib/$name/lib-dynload"
for module in "$extensions"/*.so; do
  case ${module##*/} in
    *test* | _curses* | _dbm* | _gdbm* | _tkinter* | readline* | nis* | ossaudiodev* | xxlimited*) ;;
    *) cp -L "$module" "$out/lib/$name/lib-dynload" ;;
  esac
done

loader=
while read -r library arrow file _; do
  if [[ $arrow == '=>' && $file == /* ]]; then
    cp -L --no-clobber "$file" "$out/lib/"
  elif [[ $library == */ld-* ]]; then
    loader=${library##*/}
    cp -L --no-clobber "$library" "$out/lib/"
  fi
done < <(ldd "$real" "$out/lib/$name"/lib-dynload/*.so)

"$real" -m compileall -q -b -o 1 --invalidation-mode unchecked-hash "$out/lib/$name"
find "$out/lib/$name" -name '*.py' -delete
deploy/pyz.sh "$out/selfinspect.pyz"

cat >"$out/bin/selfinspect" <<SHELL
#!/bin/sh
# What the image preloads is for its own C library, not for this one; \`run\` hands it on.
if [ -n "\${LD_PRELOAD-}" ]; then
  export SELFINSPECT_LD_PRELOAD="\$LD_PRELOAD"
  unset LD_PRELOAD
fi
exec '$path/lib/$loader' --library-path '$path/lib' '$path/bin/python3' -IS '$path/selfinspect.pyz' "\$@"
SHELL
chmod +x "$out/bin/selfinspect"
du -sh "$out" >&2
