#!/usr/bin/env bash
# Writes the image's bill of materials: the Python packages of a lock file, as CycloneDX JSON.
#
#   scripts/sbom.sh OUT [LOCK]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup/environment.sh

[ "$#" -ge 1 ] || { say "usage: $0 OUT [LOCK]"; exit 64; }
out=$1 lock=${2:-requirements.lock}
tool=.cache/cyclonedx
version=7.1.0
# In an environment of its own: neither the trainer's nor its tests' packages are to know it.
if ! "$tool/bin/cyclonedx-py" --version 2>/dev/null | grep --quiet --fixed-strings "$version"; then
  "$(find_python)" -m venv --clear "$tool"
  "$tool/bin/python" -m pip install --quiet --disable-pip-version-check "cyclonedx-bom==$version"
fi
PYTHONWARNINGS=ignore "$tool/bin/cyclonedx-py" requirements --pyproject=pyproject.toml --output-reproducible \
  --output-format=JSON --output-file="$out" "$lock"
say "$out lists what $lock pins"
