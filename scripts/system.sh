#!/bin/bash
# Makes sure that what no package of ours can bring is there: Swift, Python's and OpenBLAS's headers, venv.
set -eu
python=${1:-python3}
packages="python3-dev python3-venv libopenblas-dev"
install="apt-get install -y $packages"

has_header() { # name, further compiler arguments
  local compiler
  for compiler in cc gcc clang; do
    if command -v "$compiler" >/dev/null; then
      echo "#include <$1>" | "$compiler" ${2:-} -E -x c - >/dev/null 2>&1
      return
    fi
  done
  return 1
}

missing() {
  if ! command -v "$python" >/dev/null; then
    echo "$python"
    return
  fi
  "$python" -c "import venv, ensurepip" 2>/dev/null || echo "Python's venv"
  include=$("$python" -c "import sysconfig; print(sysconfig.get_path('include'))")
  has_header Python.h "-I$include" || echo "Python.h"
  has_header cblas.h || echo "cblas.h"
}

if ! command -v swift >/dev/null; then
  echo "lrswift needs a Swift 6.2 toolchain (https://www.swift.org/install); there is no 'swift' on the PATH." >&2
  exit 1
fi
# Swift brings a C compiler, which need not be on the PATH
PATH="$PATH:$(dirname "$(readlink -f "$(command -v swift)")")"

wanted=$(missing)
if [ -z "$wanted" ]; then exit 0; fi
echo "missing:" $wanted
if [ "$(id -u)" = 0 ]; then
  as_root=""
elif sudo -n true 2>/dev/null; then
  as_root="sudo"
else
  printf 'Install them with\n\n  sudo %s\n\nand try again.\n' "$install" >&2
  exit 1
fi
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive $install

wanted=$(missing)
if [ -n "$wanted" ]; then
  echo "still missing after '$install':" $wanted "(is $python the system's Python?)" >&2
  exit 1
fi
