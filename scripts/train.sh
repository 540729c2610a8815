#!/usr/bin/env bash
# Trains the quick start into runs/quickstart, from nothing but Python. Flags of `fashion-gan
# train` are passed on and win; paths in them count from the project's folder:
#   ./scripts/train.sh --epochs=1 --job_dir=runs/a
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup/environment.sh

quick_start=(--minutes=10 --job_dir=runs/quickstart)

# What preparing the data needs to know of.
data_flags=()
dataset=fashion_mnist
job_dir=runs/quickstart
expected=
for argument in "$@"; do
  flag=$expected value=$argument
  if [ -z "$expected" ]; then
    flag=${argument%%=*} value=${argument#*=}
    flag=${flag#-} flag=${flag#-}
    case $argument in
      --data_dir | --dataset | --job_dir | -data_dir | -dataset | -job_dir)
        expected=$flag
        continue
        ;;
    esac
  fi
  expected=
  case $flag in
    data_dir) data_flags=("--data_dir=$value") ;;
    dataset) dataset=$value ;;
    job_dir) job_dir=$value ;;
    epochs | steps) # another length, beside which ten minutes would be refused
      quick_start=(--job_dir=runs/quickstart) ;;
  esac
done
if [ -e "$job_dir/config.json" ]; then # it goes on, by its own recipe and length
  quick_start=(--job_dir=runs/quickstart)
  if ! grep -q 'fashion_mnist"' "$job_dir/config.json"; then
    dataset=of_the_run
  fi
fi

make_environment requirements.lock
case $dataset in # others are fetched by the training alone
  fashion_mnist | coloured_fashion_mnist) prepare_data ${data_flags[@]+"${data_flags[@]}"} ;;
esac
exec .venv/bin/fashion-gan train "${quick_start[@]}" "$@"
