#!/usr/bin/env bash
# Measures how fast the trainer is, beside other libraries, and writes docs/performance.md. All
# parts, or those that are named (see scripts/benchmark/__main__.py); half an hour on two free cores:
#   ./scripts/benchmark.sh contenders startup --rounds=7
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup/environment.sh

venv=.venv-bench # the other libraries stay out of the trainer's environment
make_environment requirements.lock
if ! cmp -s pyproject.toml "$venv/installed.toml"; then
  say "installing the other libraries in their current versions: 8 GB with what they bring for GPUs"
  if "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --no-build-isolation --editable '.[bench]'; then
    cp pyproject.toml "$venv/installed.toml"
  else
    say "that failed: those that are missing will be listed as such"
  fi
fi
prepare_data --dataset=fashion_mnist
exec "$venv/bin/python" -m scripts.benchmark "$@"
