#!/usr/bin/env bash
# Trains recipes under equal budgets, measures them, and writes docs/quality.md, a row at a time.
# Stopped, it goes on where it was. All rows, or those that are named (see scripts/quality/__main__.py):
#   ./scripts/quality.sh fashion@10 wide@15="--preset=fashion --noise_dim=128"
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup/environment.sh

make_environment requirements.lock
prepare_data --dataset=fashion_mnist
export OPENBLAS_NUM_THREADS=1 # as fashion-gan has it
exec .venv/bin/python -m scripts.quality "$@"
