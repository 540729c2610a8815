#!/usr/bin/env bash
# Pins the dependencies of pyproject.toml anew, with hashes, for all supported Pythons.
# Needs uv (https://docs.astral.sh/uv/).
set -euo pipefail
cd "$(dirname "$0")/.."
pin=(uv pip compile pyproject.toml --upgrade --universal --python-version 3.11 --quiet
  --generate-hashes --no-annotate --no-emit-index-url
  --custom-compile-command scripts/lock.sh)
# The tests' first: Gradio holds some back (Pillow), and what is tested is what is installed.
"${pin[@]}" --group dev --output-file requirements-dev.lock
"${pin[@]}" --constraints requirements-dev.lock --output-file requirements.lock
"${pin[@]}" --extra cuda --constraints requirements.lock --output-file requirements-cuda.lock
