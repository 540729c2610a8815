#!/usr/bin/env bash
# Lint, types and all tests, in the environment of train.sh. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup/environment.sh

make_environment requirements-dev.lock
export TFDS_DATA_DIR=$PWD/.cache/tensorflow_datasets
fetch_debian_files || true # the tests of damaged files say that they miss them
prepare_data --data_dir="$TFDS_DATA_DIR"
./scripts/lint.sh
.venv/bin/python -m pytest "$@"
