#!/usr/bin/env bash
# Pins the dependencies of pyproject.toml anew, with hashes, for all supported Pythons.
# Needs uv (https://docs.astral.sh/uv/).
set -euo pipefail
cd "$(dirname "$0")/.."
pin=(uv pip compile pyproject.toml --upgrade --universal --python-version 3.11 --quiet
  --generate-hashes --no-annotate --no-emit-index-url
  --custom-compile-command scripts/lock.sh)
"${pin[@]}" --output-file requirements.lock
"${pin[@]}" --group dev --constraints requirements.lock --output-file requirements-dev.lock
"${pin[@]}" --extra cuda --constraints requirements.lock --output-file requirements-cuda.lock
