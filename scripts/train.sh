#!/usr/bin/env bash
# Trains the quick start into runs/quickstart, from nothing but Python. Flags of `fashion-gan
# train` are passed on and win; paths in them count from the project's folder:
#   ./scripts/train.sh --epochs=1 --job_dir=runs/a
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

# The flags that preparing the data needs to know of, in both their forms.
data_flags=()
expects_value=
for argument in "$@"; do
  case $expects_value$argument in
    yes* | --data_dir=* | --dataset=* | -data_dir=* | -dataset=*) data_flags+=("$argument") ;;
    --data_dir | --dataset | -data_dir | -dataset)
      data_flags+=("$argument")
      expects_value=yes
      continue
      ;;
  esac
  expects_value=
done

quick_start=(--preset=dcgan --epochs=5 --save_interval=1 --job_dir=runs/quickstart)
# Half as fast again where the processor computes in it.
if grep -qs avx512_bf16 /proc/cpuinfo; then
  quick_start+=(--precision=bfloat16)
fi

make_environment requirements.lock
prepare_data ${data_flags[@]+"${data_flags[@]}"}
exec .venv/bin/fashion-gan train "${quick_start[@]}" "$@"
