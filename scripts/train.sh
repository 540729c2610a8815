#!/usr/bin/env bash
# Trains the quick start into runs/quickstart, from nothing but Python. Flags of `fashion-gan
# train` are passed on and win; paths in them count from the project's folder:
#   ./scripts/train.sh --epochs=1 --job_dir=runs/a
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup/environment.sh

quick_start=(--preset=fashion --minutes=10 --job_dir=runs/quickstart)

# The flags that preparing the data needs to know of, in both their forms.
data_flags=()
expects_value=
for argument in "$@"; do
  case $expects_value$argument in
    yes* | --data_dir=* | --dataset=* | --image_size=* | -data_dir=* | -dataset=* | -image_size=*)
      data_flags+=("$argument")
      ;;
    --data_dir | --dataset | --image_size | -data_dir | -dataset | -image_size)
      data_flags+=("$argument")
      expects_value=yes
      continue
      ;;
  esac
  expects_value=
  case $argument in # another length, beside which ten minutes would be refused
    --epochs* | --steps | --steps=* | -epochs* | -steps | -steps=*)
      quick_start=(--preset=fashion --job_dir=runs/quickstart)
      ;;
  esac
done

make_environment requirements.lock
prepare_data ${data_flags[@]+"${data_flags[@]}"}
exec .venv/bin/fashion-gan train "${quick_start[@]}" "$@"
