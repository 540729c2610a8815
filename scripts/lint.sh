#!/usr/bin/env bash
# Linters and the type checker over everything that has one, in the environment that test.sh makes.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
ruff check .
ruff format --check .
hadolint Dockerfile
shellcheck --external-sources scripts/*.sh scripts/*/*.sh .ci/run
yamllint --strict .
mypy
