#!/usr/bin/env bash
# Checks on a machine with GPUs, in one go: see scripts/checks/gpu.py, whose arguments it takes.
# PYTHON names an interpreter with TensorFlow for GPUs; unless given, that of the environment here.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
exec "$python" -m scripts.checks.gpu "$@"
